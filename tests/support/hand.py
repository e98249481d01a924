"""Hands for windows under test: mouse and keys, by X itself or by GLFW's callbacks."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any, Protocol

import glfw

from nerv360.viewer.picture.window import Window

_NAMES = {
    "ESCAPE": "Escape", "HOME": "Home", "SPACE": "space", "TAB": "Tab", "LEFT": "Left",
    "RIGHT": "Right", "UP": "Up", "DOWN": "Down",
}  # fmt: skip
_CHARACTERS = {
    ".": "period", ",": "comma", "+": "plus", "?": "question", "=": "equal", "-": "minus",
    "_": "underscore", "[": "bracketleft", "]": "bracketright",
}  # fmt: skip


class Hand(Protocol):
    """Moves, presses and types in one window; positions in pixels from its upper left."""

    def move(self, x: int, y: int) -> None: ...
    def button(self, pressed: bool) -> None: ...
    def wheel(self, steps: int) -> None: ...
    def key(self, name: str, pressed: bool) -> None: ...
    def character(self, text: str) -> None: ...


class CallbackHand:
    """Calls the callbacks that the application has installed, as GLFW would."""

    def __init__(self, window: Window) -> None:
        self._handle = window.handle

    def _call(self, setter: Callable[..., Any], *values: Any) -> None:
        callback = setter(self._handle, None)
        setter(self._handle, callback)
        callback(self._handle, *values)

    def move(self, x: int, y: int) -> None:
        self._call(glfw.set_cursor_pos_callback, float(x), float(y))

    def button(self, pressed: bool) -> None:
        action = glfw.PRESS if pressed else glfw.RELEASE
        self._call(glfw.set_mouse_button_callback, glfw.MOUSE_BUTTON_LEFT, action, 0)

    def wheel(self, steps: int) -> None:
        for _ in range(abs(steps)):
            self._call(glfw.set_scroll_callback, 0.0, 1.0 if steps > 0 else -1.0)

    def key(self, name: str, pressed: bool, *, repeated: bool = False, mods: int = 0) -> None:
        down = glfw.REPEAT if repeated else glfw.PRESS
        action = down if pressed else glfw.RELEASE
        self._call(glfw.set_key_callback, getattr(glfw, f"KEY_{name}"), 0, action, mods)

    def character(self, text: str) -> None:
        self._call(glfw.set_char_callback, ord(text))


class XHand:
    """Sends events through the X server (xdotool)."""

    def __init__(self, window: Window | None = None) -> None:
        """Positions are from the upper left of ``window``, or of the screen."""
        self._origin = glfw.get_window_pos(window.handle) if window else (0, 0)

    def _send(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], check=True, timeout=20)

    def move(self, x: int, y: int) -> None:
        self._send("mousemove", str(self._origin[0] + x), str(self._origin[1] + y))

    def button(self, pressed: bool) -> None:
        self._send("mousedown" if pressed else "mouseup", "1")

    def wheel(self, steps: int) -> None:
        self._send("click", "--repeat", str(abs(steps)), "4" if steps > 0 else "5")

    def key(self, name: str, pressed: bool) -> None:
        self._send(
            "keydown" if pressed else "keyup",
            _NAMES.get(name, name.lower() if len(name) == 1 else name),
        )

    def character(self, text: str) -> None:
        self._send("key", _CHARACTERS[text])
