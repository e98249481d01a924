"""From window events to camera and commands; panels get the mouse first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import glfw

from viewer.input.camera import Camera
from viewer.input.drag import Point
from viewer.input.keymap import CHARACTER_ACTIONS, HELD, KEY_ACTIONS, REPEATED, Action

_LEFT_BUTTON = 0
_FOREIGN = glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER
"""Keys with these belong to the desktop, and to habits from elsewhere (Ctrl-C, Alt-Tab)."""


class Panels(Protocol):
    """Panels over the picture, as the mouse meets them."""

    def cursor(self, x: float, y: float) -> None:
        """The cursor moved."""
        ...

    def cursor_left(self) -> None:
        """The cursor is no longer over the window."""
        ...

    def button(self, index: int, pressed: bool) -> None:
        """A mouse button event."""
        ...

    def takes_mouse_at(self, x: float, y: float) -> bool:
        """A panel lies there, or has hold of the mouse."""
        ...


class Input:
    """Listener of a window.

    Attributes:
        position: of the cursor, in screen coordinates from the upper left.
        events: how many have come.
    """

    def __init__(
        self,
        camera: Camera,
        panels: Panels,
        size: Callable[[], tuple[int, int]],
        commands: Mapping[Action, Callable[[], None]],
        dropped: Callable[[list[Path]], None],
    ) -> None:
        """Route events.

        Args:
            camera: moved by keys that are held, and by the mouse.
            panels: see every event of the mouse first.
            size: width and height of the window, in screen coordinates.
            commands: carry out actions that are not held.
            dropped: is given the files that are dropped on the window.
        """
        self._camera = camera
        self._panels = panels
        self._size = size
        self._commands = commands
        self._dropped = dropped
        self.position = (0.0, 0.0)
        self.events = 0
        self._repeated = self._super = False

    def key(self, name: str, code: int, pressed: bool, repeated: bool, mods: int) -> None:
        """As `Listener.key`."""
        self.events += 1
        self._repeated, self._super = repeated, bool(mods & glfw.MOD_SUPER)
        action = KEY_ACTIONS.get(name)
        if action is None:
            return
        if action in HELD and not pressed:
            self._camera.let_go(action)
        elif not pressed or mods & _FOREIGN:
            return
        elif action not in HELD:
            self._do(action)
        elif not repeated:
            self._camera.hold(action)

    def character(self, text: str) -> None:
        """As `Listener.character`. It follows the event of the key that typed it.

        GLFW leaves out what is typed with Ctrl or Alt, except where the two stand for AltGr.
        """
        self.events += 1
        action = CHARACTER_ACTIONS.get(text)
        if action is not None and not self._super:
            self._do(action)

    def cursor(self, x: float, y: float) -> None:
        """As `Listener.cursor`."""
        self.events += 1
        self.position = (x, y)
        self._panels.cursor(x, y)
        if self._camera.dragging:
            self._camera.move(self._point())

    def cursor_left(self) -> None:
        """As `Listener.cursor_left`."""
        self.events += 1
        self._panels.cursor_left()

    def button(self, index: int, pressed: bool) -> None:
        """As `Listener.button`."""
        self.events += 1
        self._panels.button(index, pressed)
        if index != _LEFT_BUTTON:
            return
        if pressed and not self._panels.takes_mouse_at(*self.position):
            self._camera.press(self._point())
        elif not pressed:
            self._camera.release()

    def scroll(self, x: float, y: float) -> None:
        """As `Listener.scroll`."""
        self.events += 1
        if not self._panels.takes_mouse_at(*self.position):
            self._camera.zoom(y)

    def dropped(self, paths: list[Path]) -> None:
        """As `Listener.dropped`."""
        self.events += 1
        if paths:
            self._dropped(paths)

    def focus_lost(self) -> None:
        """As `Listener.focus_lost`."""
        self._camera.let_go_all()

    def _do(self, action: Action) -> None:
        if not self._repeated or action in REPEATED:
            self._commands[action]()

    def _point(self) -> Point:
        width, height = self._size()
        x, y = self.position
        return x / width * 2 - 1, (height - 2 * y) / width
