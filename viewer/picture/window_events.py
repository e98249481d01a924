"""Events of a GLFW window, as calls of one listener."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import glfw

_glfw: Any = glfw  # Its type hints are wrong in places.
_KEY_NAMES = {
    getattr(glfw, name): name.removeprefix("KEY_") for name in dir(glfw) if name.startswith("KEY_")
}


class WindowListener(Protocol):
    """Listener to events; positions are in screen coordinates from the window's upper left."""

    def key(self, name: str, code: int, pressed: bool, repeated: bool, mods: int) -> None: ...
    def character(self, text: str) -> None: ...
    def cursor(self, x: float, y: float) -> None: ...
    def cursor_left(self) -> None: ...
    def button(self, index: int, pressed: bool) -> None: ...
    def scroll(self, x: float, y: float) -> None: ...
    def dropped(self, paths: list[Path]) -> None: ...
    def focus_lost(self) -> None: ...


def connect(handle: Any, listener: WindowListener, failed: Callable[[Exception], None]) -> object:
    """Report every event of the GLFW window ``handle`` to ``listener``.

    Errors of the listener go to ``failed``, and later events still come.

    Returns:
        An object to keep for as long as events are wanted.
    """

    def guarded(callback: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                failed(error)

        return call

    def key(_: Any, code: int, _scancode: int, action: int, mods: int) -> None:
        name = _KEY_NAMES.get(code, "UNKNOWN")
        listener.key(name, code, action != glfw.RELEASE, action == glfw.REPEAT, mods)

    def button(_: Any, index: int, action: int, _mods: int) -> None:
        listener.button(index, action == glfw.PRESS)

    def drop(_: Any, count: int, names: Any) -> None:
        listener.dropped([Path(os.fsdecode(names[i])) for i in range(count)])

    def entered(_: Any, inside: int) -> None:
        if not inside:
            listener.cursor_left()

    def focus(_: Any, focused: int) -> None:
        if not focused:
            listener.focus_lost()

    glfw.set_key_callback(handle, guarded(key))
    glfw.set_char_callback(handle, guarded(lambda _, code: listener.character(chr(code))))
    glfw.set_cursor_pos_callback(handle, guarded(lambda _, x, y: listener.cursor(x, y)))
    glfw.set_cursor_enter_callback(handle, guarded(entered))
    glfw.set_mouse_button_callback(handle, guarded(button))
    glfw.set_scroll_callback(handle, guarded(lambda _, x, y: listener.scroll(x, y)))
    glfw.set_window_focus_callback(handle, guarded(focus))
    # GLFW's Python wrapper decodes every file name as UTF-8 and raises if that fails.
    dropped = _glfw._GLFWdropfun(guarded(drop))
    _glfw._glfw.glfwSetDropCallback(handle, dropped)
    return dropped
