"""A GLFW window with an OpenGL 3.3 core context: opens, reports events, swaps at display rate."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Protocol

import glfw

from model.errors import InputError
from viewer.monitors import CurrentMonitor, unscaled, window_area, within_screen
from viewer.window_system import wayland_only

_glfw: Any = glfw  # for what its type hints have wrong
_KEY_NAMES = {
    getattr(glfw, name): name.removeprefix("KEY_") for name in dir(glfw) if name.startswith("KEY_")
}


class Listener(Protocol):
    """Who hears of events; positions in screen coordinates from the window's upper left."""

    def key(self, name: str, code: int, pressed: bool, repeated: bool, mods: int) -> None: ...
    def character(self, text: str) -> None: ...
    def cursor(self, x: float, y: float) -> None: ...
    def button(self, index: int, pressed: bool) -> None: ...
    def scroll(self, x: float, y: float) -> None: ...
    def dropped(self, paths: list[Path]) -> None: ...
    def focus_lost(self) -> None: ...


class Window:
    """The window and its context, current on the thread that made it."""

    def __init__(
        self, title: str, width: int, height: int, *, visible: bool = True, fitted: bool = False
    ) -> None:
        """Open it.

        Args:
            title: the text of its frame.
            width, height: at 96 dots an inch; larger by the screen's scale where the window system
                measures in pixels.
            visible: it is on the screen; one that is not only has the context.
            fitted: make it smaller where the screen is.

        Raises:
            InputError: there is no display, or no OpenGL 3.3 on it.
        """
        glfw.set_error_callback(_remember_error)
        if sys.platform.startswith("linux"):
            wanted = glfw.PLATFORM_WAYLAND if wayland_only() else glfw.PLATFORM_X11
            glfw.init_hint(glfw.PLATFORM, wanted)
        if not glfw.init():
            raise InputError(
                "no display to open a window on was found; `nerv360 render` makes pictures and "
                f"films without one ({_last_error()})"
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
        glfw.swap_interval(1)
        glfw.set_window_size_limits(self.handle, 160, 90, glfw.DONT_CARE, glfw.DONT_CARE)
        self._position: tuple[int, int] | None = None
        self._due = 0.0
        self._monitor = CurrentMonitor(self.handle)
        self._watch_size()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in screen coordinates, those of the mouse; never 0."""
        return max(self._size[0], 1), max(self._size[1], 1)

    @property
    def framebuffer_size(self) -> tuple[int, int]:
        """Width and height in pixels; 0 while it is minimised."""
        return self._framebuffer_size

    @property
    def interface_scale(self) -> float:
        """How much larger than at 96 dots an inch text should be, in screen coordinates."""
        return max(self._content_scale * self.size[0] / max(self.framebuffer_size[0], 1), 0.5)

    @property
    def should_close(self) -> bool:
        """The user, or `close`, has asked for the end."""
        return bool(glfw.window_should_close(self.handle))

    @property
    def fullscreen(self) -> bool:
        """It covers a monitor."""
        return self._position is not None

    @property
    def restored_size(self) -> tuple[int, int]:
        """Width and height, as `Window` takes them, that it has or will have again when it is
        neither minimised nor full screen.
        """
        return unscaled(self._restored, self._content_scale)

    @property
    def refresh_rate(self) -> float:
        """Refreshes a second of the monitor that it is on, 60 where that does not say."""
        return self._monitor.refresh_rate

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` of every event from now on, during `poll`."""

        def key(_: Any, code: int, _scancode: int, action: int, mods: int) -> None:
            name = _KEY_NAMES.get(code, "UNKNOWN")
            listener.key(name, code, action != glfw.RELEASE, action == glfw.REPEAT, mods)

        def drop(_: Any, paths: Any) -> None:
            listener.dropped([Path(path) for path in paths])

        def focus(_: Any, focused: int) -> None:
            if not focused:
                listener.focus_lost()

        handle = self.handle
        glfw.set_key_callback(handle, key)
        glfw.set_char_callback(handle, lambda _, code: listener.character(chr(code)))
        glfw.set_cursor_pos_callback(handle, lambda _, x, y: listener.cursor(x, y))
        glfw.set_mouse_button_callback(
            handle, lambda _, index, action, _mods: listener.button(index, action == glfw.PRESS)
        )
        glfw.set_scroll_callback(handle, lambda _, x, y: listener.scroll(x, y))
        _glfw.set_drop_callback(handle, drop)
        glfw.set_window_focus_callback(handle, focus)

    def poll(self) -> None:
        """Deliver the events that have come."""
        glfw.poll_events()

    def swap(self) -> None:
        """Show what was drawn; returns at display rate even where nothing waits for a monitor."""
        glfw.swap_buffers(self.handle)
        period = 1 / self.refresh_rate
        now = time.perf_counter()
        # A swap that did wait comes back at the due time, give or take; then there is no sleep.
        if now < self._due - 0.1 * period:
            time.sleep(self._due - now)
            now = self._due
        self._due = now + period

    def rest(self) -> None:
        """Wait for an event, or for as long as one refresh takes."""
        glfw.wait_events_timeout(1 / self.refresh_rate)

    def set_title(self, title: str) -> None:
        """The text of its frame."""
        glfw.set_window_title(self.handle, title)

    def toggle_fullscreen(self) -> None:
        """Cover the monitor that shows most of it, or return to the size before."""
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
        glfw.swap_interval(1)

    def _watch_size(self) -> None:
        # Kept, not asked for: a frame wants them several times, and each question to GLFW gives
        # the interpreter away.
        def sized(_: Any, width: int, height: int) -> None:
            self._size = width, height
            self._monitor.forget()
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
        """Ask for the end of the loop."""
        glfw.set_window_should_close(self.handle, True)

    def hide(self) -> None:
        """Take it from the screen; its context stays."""
        glfw.hide_window(self.handle)

    def close(self) -> None:
        """Destroy window and context."""
        glfw.destroy_window(self.handle)
        glfw.terminate()


_errors: list[str] = []


def _remember_error(_code: int, text: bytes | str) -> None:
    _errors.append(text.decode(errors="replace") if isinstance(text, bytes) else text)
    del _errors[:-8]


def _last_error() -> str:
    return _errors[-1] if _errors else "GLFW gives no reason"
