"""From window events to controls and commands; panels get the mouse first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from viewer.controls import Controls, Point
from viewer.keymap import CHARACTER_ACTIONS, HELD, KEY_ACTIONS, REPEATED, Action
from viewer.overlay import Overlay
from viewer.window import Window

_LEFT_BUTTON = 0


class Input:
    """Listens to a `Window`.

    Attributes:
        position: of the cursor, in screen coordinates from the upper left.
        events: how many have come.
    """

    def __init__(
        self,
        window: Window,
        overlay: Overlay,
        controls: Controls,
        commands: Mapping[Action, Callable[[], None]],
        dropped: Callable[[Path], None],
    ) -> None:
        """Route events.

        Args:
            window: for the scale of positions.
            overlay: sees every event.
            controls: moved by the rest.
            commands: what actions that are not held do.
            dropped: is given the first file dropped on the window.
        """
        self._window = window
        self._overlay = overlay
        self._controls = controls
        self._commands = commands
        self._dropped = dropped
        self.position = (0.0, 0.0)
        self.events = 0

    def key(self, name: str, code: int, pressed: bool, repeated: bool) -> None:
        """As `Listener.key`."""
        self.events += 1
        self._overlay.key(code, pressed)
        action = KEY_ACTIONS.get(name)
        if action is None:
            return
        if action in HELD:
            if not pressed:
                self._controls.let_go(action)
            elif not repeated:
                self._controls.hold(action)
        elif pressed and (not repeated or action in REPEATED):
            self._commands[action]()

    def character(self, text: str) -> None:
        """As `Listener.character`."""
        self.events += 1
        action = CHARACTER_ACTIONS.get(text)
        if action is not None:
            self._commands[action]()

    def cursor(self, x: float, y: float) -> None:
        """As `Listener.cursor`."""
        self.events += 1
        self.position = (x, y)
        self._overlay.cursor(x, y)
        if self._controls.dragging:
            self._controls.move(self._point())

    def button(self, index: int, pressed: bool) -> None:
        """As `Listener.button`."""
        self.events += 1
        self._overlay.button(index, pressed)
        if index != _LEFT_BUTTON:
            return
        if pressed and not self._overlay.wants_mouse:
            self._controls.press(self._point())
        elif not pressed:
            self._controls.release()

    def scroll(self, x: float, y: float) -> None:
        """As `Listener.scroll`."""
        self.events += 1
        if not self._overlay.wants_mouse:
            self._controls.zoom(y)

    def dropped(self, paths: list[Path]) -> None:
        """As `Listener.dropped`."""
        self.events += 1
        if paths:
            self._dropped(paths[0])

    def focus_lost(self) -> None:
        """As `Listener.focus_lost`."""
        self._controls.let_go_all()

    def _point(self) -> Point:
        width, height = self._window.size
        x, y = self.position
        return x / width * 2 - 1, (height - 2 * y) / width
