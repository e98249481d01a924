"""The monitor of a window, and the largest size of a window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import glfw

_DEFAULT_RATE = 60.0

Area = tuple[int, int, int, int]
"""Left, top, width and height in screen coordinates."""


@dataclass(frozen=True)
class Monitor:
    """A monitor in its current mode.

    Attributes:
        handle: GLFW's.
        area: the part of the desktop it shows.
        refresh_rate: refreshes per second; 60 if unknown.
    """

    handle: Any
    area: Area
    refresh_rate: float


class CurrentMonitor:
    """The monitor that shows most of a window, cached until something may have changed."""

    def __init__(self, handle: Any) -> None:
        """Watch the window with GLFW's ``handle``."""
        self._handle = handle
        self._known: Monitor | None = None
        self._stale = True
        glfw.set_window_pos_callback(handle, self.forget)
        glfw.set_monitor_callback(self.forget)

    def forget(self, *_: object) -> None:
        """Query the monitor again, because the window or the set of monitors has changed."""
        self._stale = True

    def read(self) -> Monitor | None:
        """Return the monitor, or None without one."""
        if self._stale:
            self._known = monitor_of(window_area(self._handle))
            self._stale = False
        return self._known

    @property
    def refresh_rate(self) -> float:
        """Refreshes per second; 60 without a monitor."""
        monitor = self.read()
        return monitor.refresh_rate if monitor else _DEFAULT_RATE


def window_area(handle: Any) -> Area | None:
    """Return the area of a window; None if the window system (Wayland) does not tell."""
    if glfw.get_platform() == glfw.PLATFORM_WAYLAND:
        return None
    left, top = glfw.get_window_pos(handle)
    width, height = glfw.get_window_size(handle)
    return left, top, width, height


def monitor_of(area: Area | None) -> Monitor | None:
    """Return the monitor that shows most of ``area``, by default the primary one (GLFW's first)."""
    monitors = [_monitor(handle) for handle in glfw.get_monitors()]
    if area is None or not monitors:
        return monitors[0] if monitors else None
    return max(monitors, key=lambda monitor: _shared(area, monitor.area))


def within_screen(width: int, height: int) -> tuple[int, int]:
    """Shrink a window's size to the primary monitor's work area, keeping the aspect.

    Sizes are as in `glfw.create_window`.
    """
    monitor = glfw.get_primary_monitor()
    if not monitor:
        return width, height
    _, _, most_across, most_down = glfw.get_monitor_workarea(monitor)
    if most_across < 1 or most_down < 1:
        return width, height
    scale = glfw.get_monitor_content_scale(monitor)[0] if sizes_are_pixels() else 1.0
    share = min(1.0, most_across / (width * scale), most_down / (height * scale))
    return int(width * share), int(height * share)


def sizes_are_pixels() -> bool:
    """Return True if window sizes are in pixels, False if the content scale is already included."""
    return bool(glfw.get_platform() in (glfw.PLATFORM_X11, glfw.PLATFORM_WIN32))


def unscaled(size: tuple[int, int], content_scale: float) -> tuple[int, int]:
    """Return the size that `glfw.create_window` scales to ``size``, or to a pixel less."""
    if not sizes_are_pixels() or content_scale <= 0:
        return size
    # GLFW truncates the product, so only the next larger integer gives it again.
    width, height = (math.ceil(length / content_scale - 1e-6) for length in size)
    return width, height


def _monitor(handle: Any) -> Monitor:
    mode = glfw.get_video_mode(handle)
    left, top = glfw.get_monitor_pos(handle)
    rate = float(mode.refresh_rate) if mode.refresh_rate > 0 else _DEFAULT_RATE
    return Monitor(handle, (left, top, mode.size.width, mode.size.height), rate)


def _shared(a: Area, b: Area) -> int:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(across, 0) * max(down, 0)
