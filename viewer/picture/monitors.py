"""The monitor that a window is on, and how large a window may be."""

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
    """One monitor in its present mode.

    Attributes:
        handle: GLFW's.
        area: what of the desktop it shows.
        refresh_rate: refreshes a second, 60 where it does not say.
    """

    handle: Any
    area: Area
    refresh_rate: float


class CurrentMonitor:
    """The monitor that shows most of a window, kept until something may have changed."""

    def __init__(self, handle: Any) -> None:
        """Watch the window that GLFW knows as ``handle``."""
        self._handle = handle
        self._known: Monitor | None = None
        self._stale = True
        glfw.set_window_pos_callback(handle, self.forget)
        glfw.set_monitor_callback(self.forget)

    def forget(self, *_: object) -> None:
        """Ask again: the window has moved or changed its size, or a monitor has come or gone."""
        self._stale = True

    def read(self) -> Monitor | None:
        """The monitor, or nothing where there is none."""
        if self._stale:
            self._known = monitor_of(window_area(self._handle))
            self._stale = False
        return self._known

    @property
    def refresh_rate(self) -> float:
        """Refreshes a second, 60 where there is no monitor."""
        monitor = self.read()
        return monitor.refresh_rate if monitor else _DEFAULT_RATE


def window_area(handle: Any) -> Area | None:
    """Area that a window covers; nothing where the window system (Wayland) does not tell."""
    if glfw.get_platform() == glfw.PLATFORM_WAYLAND:
        return None
    left, top = glfw.get_window_pos(handle)
    width, height = glfw.get_window_size(handle)
    return left, top, width, height


def monitor_of(area: Area | None) -> Monitor | None:
    """The monitor that shows most of ``area``, the primary one (GLFW's first) where none does."""
    monitors = [_monitor(handle) for handle in glfw.get_monitors()]
    if area is None or not monitors:
        return monitors[0] if monitors else None
    return max(monitors, key=lambda monitor: _shared(area, monitor.area))


def within_screen(width: int, height: int) -> tuple[int, int]:
    """``width`` and ``height`` of a window, as `glfw.create_window` takes them, made no larger than
    the primary monitor's work area, with the same aspect.
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
    """Windows are measured in pixels, not in units that the content scale is part of already."""
    return bool(glfw.get_platform() in (glfw.PLATFORM_X11, glfw.PLATFORM_WIN32))


def unscaled(size: tuple[int, int], content_scale: float) -> tuple[int, int]:
    """The size that `glfw.create_window` scales to ``size`` again, or to a pixel less."""
    if not sizes_are_pixels() or content_scale <= 0:
        return size
    # GLFW cuts the product off, so that only the next larger integer gives it again.
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
