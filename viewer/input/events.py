"""Route window events to the camera and to actions; panels get the mouse first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import glfw

from nerv360.viewer.input.camera import Camera
from nerv360.viewer.input.drag import Point
from nerv360.viewer.input.keymap import CHARACTERS, KEYS, Action, Binding

_LEFT_BUTTON, _RIGHT_BUTTON = 0, 1
_FOREIGN = glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER
"""Keys with these belong to the desktop or to habits from elsewhere (Ctrl-C, Alt-Tab)."""


class Panels(Protocol):
    """The panels over the picture, for mouse events."""

    def cursor(self, x: float, y: float) -> None:
        """Handle a move of the cursor."""

    def cursor_left(self) -> None:
        """Handle the cursor leaving the window."""

    def button(self, index: int, pressed: bool) -> None:
        """Handle a mouse button."""

    def scroll(self, x: float, y: float) -> None:
        """Take a turn of the wheel."""

    def takes_mouse_at(self, x: float, y: float) -> bool:
        """Return True if a panel lies at this point, or holds the mouse."""


class Input:
    """Listener for a window's events.

    Attributes:
        position: of the cursor, in screen coordinates from the upper left.
        events: number of events so far.
    """

    def __init__(
        self,
        camera: Camera,
        panels: Panels,
        size: Callable[[], tuple[int, int]],
        commands: Mapping[Action, Callable[[], None]],
        dropped: Callable[[list[Path]], None],
    ) -> None:
        """Route events to these parts.

        Args:
            camera: moved by held keys and by the mouse.
            panels: see every mouse event first.
            size: returns the window's width and height in screen coordinates.
            commands: functions of the actions that are not held.
            dropped: called with the files dropped on the window.
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
        self.events += 1
        self._repeated, self._super = repeated, bool(mods & glfw.MOD_SUPER)
        binding = KEYS.get(name)
        if binding is None:
            return
        if binding.held and not pressed:
            self._camera.let_go(binding.action)
        elif not pressed or mods & _FOREIGN:
            return
        elif not binding.held:
            self._do(binding)
        elif not repeated:
            self._camera.hold(binding.action)

    def character(self, text: str) -> None:
        """Handle a typed character; it follows the event of its key.

        GLFW leaves out characters typed with Ctrl or Alt, except with AltGr (Ctrl and Alt).
        """
        self.events += 1
        binding = CHARACTERS.get(text)
        if binding is not None and not self._super:
            self._do(binding)

    def cursor(self, x: float, y: float) -> None:
        self.events += 1
        self.position = (x, y)
        self._panels.cursor(x, y)
        if self._camera.dragging:
            self._camera.move(self._point())

    def cursor_left(self) -> None:
        self.events += 1
        self._panels.cursor_left()

    def button(self, index: int, pressed: bool) -> None:
        self.events += 1
        taken = pressed and self._panels.takes_mouse_at(*self.position)
        self._panels.button(index, pressed)
        if index == _RIGHT_BUTTON and pressed and not taken:
            self._commands[Action.MENU]()
        if index != _LEFT_BUTTON:
            return
        if pressed and not taken:
            self._camera.press(self._point())
        elif not pressed:
            self._camera.release()

    def scroll(self, x: float, y: float) -> None:
        self.events += 1
        if self._panels.takes_mouse_at(*self.position):
            self._panels.scroll(x, y)
        else:
            self._camera.zoom(y)

    def dropped(self, paths: list[Path]) -> None:
        self.events += 1
        if paths:
            self._dropped(paths)

    def focus_lost(self) -> None:
        self._camera.let_go_all()

    def _do(self, binding: Binding) -> None:
        if not self._repeated or binding.repeated:
            self._commands[binding.action]()

    def _point(self) -> Point:
        width, height = self._size()
        x, y = self.position
        return x / width * 2 - 1, (height - 2 * y) / width
