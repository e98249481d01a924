"""GLFW window with an OpenGL 3.3 core context: its size, monitor and swaps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import glfw
from OpenGL import GL

from nerv360.errors import InputError
from nerv360.text import escaped
from nerv360.viewer.picture.monitors import CurrentMonitor, unscaled, window_area, within_screen
from nerv360.viewer.picture.window_events import WindowListener, connect
from nerv360.viewer.window_system import wayland_only

SMALLEST = (480, 270)
"""Width and height, in screen coordinates."""

_MOST = 8192
"""Pixels of a side: 8K; the buffers of a window of 16384x16384 take gigabytes."""

_glfw: Any = glfw  # Its type hints are wrong in places.


class Window:
    """The window and its context, current on the thread that created it."""

    def __init__(
        self, title: str, width: int, height: int, *, visible: bool = True, fitted: bool = False
    ) -> None:
        """Open the window.

        Args:
            title: the text of its frame.
            width, height: at 96 dpi; enlarged by the screen's scale if the window system measures
                in pixels.
            visible: show it on the screen; otherwise only its context is used.
            fitted: shrink it to the screen.

        Raises:
            InputError: there is no display, or no OpenGL 3.3 on it.
        """
        glfw.set_error_callback(_remember_error)
        if sys.platform.startswith("linux"):
            wanted = glfw.PLATFORM_WAYLAND if wayland_only() else glfw.PLATFORM_X11
            glfw.init_hint(glfw.PLATFORM, wanted)
        if not glfw.init():
            raise InputError(
                "no display to open a window on was found; `nerv360 serve` shows a scene in a "
                "browser, also through a forwarded port, and `nerv360 render` makes pictures and "
                f"films ({_last_error()})"
            )
        for hint, value in (
            (glfw.CONTEXT_VERSION_MAJOR, 3),
            (glfw.CONTEXT_VERSION_MINOR, 3),
            (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
            (glfw.OPENGL_FORWARD_COMPAT, True),
            (glfw.SCALE_TO_MONITOR, True),
            (glfw.SRGB_CAPABLE, False),
            (glfw.VISIBLE, visible),
        ):
            glfw.window_hint(hint, value)
        if fitted:
            width, height = within_screen(width, height)
        self.handle: Any = glfw.create_window(width, height, title, None, None)
        if not self.handle:
            glfw.terminate()
            raise InputError(
                "the display offers no OpenGL 3.3, which the window needs; `nerv360 render` makes "
                f"pictures and films without it ({_last_error()})"
            )
        glfw.make_context_current(self.handle)
        self._set_interval(visible)
        self._largest = _largest_size()
        glfw.set_window_size_limits(self.handle, *SMALLEST, *self._largest)
        self._position: tuple[int, int] | None = None
        self._due = 0.0
        self._resizing = False
        self._resize_cursor: Any = None
        self._monitor = CurrentMonitor(self.handle)
        self._watch_size()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in screen coordinates, like the mouse; never 0."""
        return max(self._size[0], 1), max(self._size[1], 1)

    @property
    def framebuffer_size(self) -> tuple[int, int]:
        """Width and height in pixels; 0 while minimised, or larger than OpenGL can draw."""
        return (0, 0) if self._is_too_large else self._framebuffer_size

    @property
    def interface_scale(self) -> float:
        """Factor on text sizes at 96 dpi, in screen coordinates."""
        return max(self._content_scale * self.size[0] / max(self.framebuffer_size[0], 1), 0.5)

    @property
    def should_close(self) -> bool:
        """Whether the user or `close` asked to close it."""
        return bool(glfw.window_should_close(self.handle))

    @property
    def fullscreen(self) -> bool:
        """Whether it covers a monitor."""
        return self._position is not None

    @property
    def restored_size(self) -> tuple[int, int]:
        """Width and height, as `Window` takes them, when neither minimised nor full screen."""
        return unscaled(self._restored, self._content_scale)

    @property
    def refresh_rate(self) -> float:
        """Refreshes per second of its monitor; 60 if unknown."""
        return self._monitor.refresh_rate

    def listen(self, listener: WindowListener, failed: Callable[[Exception], None]) -> None:
        """Report every event during `poll` to ``listener``.

        Errors of the listener go to ``failed``, and later events still come.
        """
        self._events = connect(self.handle, listener, failed)

    def poll(self) -> None:
        """Deliver the pending events."""
        glfw.poll_events()

    @property
    def _is_too_large(self) -> bool:
        width, height = self._framebuffer_size
        return width > self._largest[0] or height > self._largest[1]

    def swap(self) -> None:
        """Show the drawing, at the display's rate even if the swap does not wait."""
        if not self._is_too_large:  # Mesa ends the process on such a one
            glfw.swap_buffers(self.handle)
        period = 1 / self.refresh_rate
        now = time.perf_counter()
        # A swap that waited returns close to the due time; then there is no sleep.
        if now < self._due - 0.1 * period:
            time.sleep(self._due - now)
            now = self._due
        self._due = now + period

    def rest(self, seconds: float | None = None) -> None:
        """Wait for an event, for at most ``seconds`` or by default one refresh."""
        glfw.wait_events_timeout(1 / self.refresh_rate if seconds is None else seconds)

    def copy(self, text: str) -> None:
        """Put ``text`` on the desktop's clipboard."""
        glfw.set_clipboard_string(self.handle, text)

    def set_title(self, title: str) -> None:
        """Set the text of its frame."""
        glfw.set_window_title(self.handle, escaped(title))

    def set_cursor(self, *, resizing: bool) -> None:
        """Show the arrow, or the cursor for moving a border left and right."""
        if resizing == self._resizing:
            return
        self._resizing = resizing
        if self._resize_cursor is None:
            self._resize_cursor = glfw.create_standard_cursor(glfw.HRESIZE_CURSOR)
        _glfw.set_cursor(self.handle, self._resize_cursor if resizing else None)

    def toggle_fullscreen(self) -> None:
        """Cover the monitor that shows most of the window, or return to the previous size."""
        if self._position is not None:
            place = (*self._position, *self._restored)
            self._position = None
            _glfw.set_window_monitor(self.handle, None, *place, glfw.DONT_CARE)
            return
        self._monitor.forget()
        monitor, area = self._monitor.read(), window_area(self.handle)
        if monitor is None:
            return
        self._position = area[:2] if area else (0, 0)
        glfw.set_window_monitor(
            self.handle, monitor.handle, 0, 0, *monitor.area[2:], round(monitor.refresh_rate)
        )
        self._set_interval(True)

    def _set_interval(self, visible: bool) -> None:
        # Under Wayland a waiting swap blocks for ever while the window is hidden. `swap` keeps the
        # display's rate by itself, and Wayland never tears pictures.
        waits = visible and glfw.get_platform() != glfw.PLATFORM_WAYLAND
        glfw.swap_interval(1 if waits else 0)

    def _watch_size(self) -> None:
        # Sizes are cached: a frame needs them several times, and each GLFW call releases the
        # interpreter lock.
        def sized(_: Any, width: int, height: int) -> None:
            self._size = width, height
            self._monitor.forget()
            if width > self._largest[0] or height > self._largest[1]:
                # The limits are a request: without a window manager nothing else enforces them.
                glfw.set_window_size(handle, *map(min, (width, height), self._largest))
                return
            if width and height and not self.fullscreen:
                self._restored = width, height

        def framebuffer_sized(_: Any, width: int, height: int) -> None:
            self._framebuffer_size = width, height

        def scaled(_: Any, x: float, _y: float) -> None:
            self._content_scale = x

        handle = self.handle
        sized(handle, *glfw.get_window_size(handle))
        framebuffer_sized(handle, *glfw.get_framebuffer_size(handle))
        scaled(handle, *glfw.get_window_content_scale(handle))
        glfw.set_window_size_callback(handle, sized)
        glfw.set_framebuffer_size_callback(handle, framebuffer_sized)
        glfw.set_window_content_scale_callback(handle, scaled)

    def request_close(self) -> None:
        """Ask the main loop to end."""
        glfw.set_window_should_close(self.handle, True)

    def hide(self) -> None:
        """Remove it from the screen; its context stays."""
        self._set_interval(False)
        glfw.hide_window(self.handle)

    def close(self) -> None:
        """Destroy window and context."""
        glfw.destroy_window(self.handle)
        glfw.terminate()


def _largest_size() -> tuple[int, int]:
    """Return the largest width and height in pixels that the current context draws."""
    across, down = GL.glGetIntegerv(GL.GL_MAX_VIEWPORT_DIMS)
    most = int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE))
    return min(int(across), most, _MOST), min(int(down), most, _MOST)


_errors: list[str] = []


def _remember_error(_code: int, text: bytes | str) -> None:
    _errors.append(text.decode(errors="replace") if isinstance(text, bytes) else text)
    del _errors[:-8]


def _last_error() -> str:
    return _errors[-1] if _errors else "GLFW gives no reason"
