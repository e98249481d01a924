"""From events to actions: keys with modifiers, keys that stay down, panels under the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import glfw
import pytest

from nerv360.viewer.input.camera import Camera
from nerv360.viewer.input.events import Input
from nerv360.viewer.input.keymap import Action
from nerv360.viewer.input.playback import Playback
from nerv360.viewer.panels.overlay import Overlay
from nerv360.viewer.panels.timeline import TimelinePanel
from nerv360.viewer.picture.window import Window
from tests.support.hand import CallbackHand


class Wired:
    """Input on a real window, its commands written down instead of done."""

    def __init__(self, window: Window) -> None:
        self.camera = Camera(inertia=False)
        self.playback = Playback(10, 10.0)
        self.overlay = Overlay(window, [TimelinePanel(self.playback, lambda: None)])
        self.done: list[Action] = []
        self.dropped: list[Path] = []
        commands = {action: lambda action=action: self.done.append(action) for action in Action}
        self.input = Input(
            self.camera, self.overlay, lambda: window.size, commands, self.dropped.extend
        )
        window.listen(self.input, self._failed)
        self.hand = CallbackHand(window)

    @staticmethod
    def _failed(error: Exception) -> None:
        raise error


@pytest.fixture
def wired(window: Window) -> Iterator[Wired]:
    parts = Wired(window)
    yield parts
    parts.overlay.close()


@pytest.mark.parametrize("mods", [glfw.MOD_CONTROL, glfw.MOD_ALT, glfw.MOD_SUPER])
def test_keys_with_ctrl_alt_or_super_are_not_ours(wired: Wired, mods: int) -> None:
    for key in ("C", "R", "TAB", "F", "SPACE", "ESCAPE"):
        wired.hand.key(key, True, mods=mods)
        wired.hand.key(key, False, mods=mods)
    wired.hand.key("A", True, mods=mods | glfw.MOD_SHIFT)
    wired.camera.advance(0.1)
    assert wired.done == []
    assert wired.camera.look().yaw == 0.0
    wired.hand.key("C", True, mods=glfw.MOD_SHIFT | glfw.MOD_CAPS_LOCK)
    assert wired.done == [Action.SPLIT], "capitals are the same key"


def test_a_key_that_comes_up_beside_ctrl_is_let_go(wired: Wired) -> None:
    wired.hand.key("D", True)
    wired.hand.key("D", False, mods=glfw.MOD_CONTROL)
    wired.camera.advance(0.1)
    assert wired.camera.look().yaw == 0.0


@pytest.mark.parametrize(
    ("key", "mods", "text", "action", "times"),
    [
        ("SLASH", glfw.MOD_SHIFT, "?", Action.HELP, 1),
        ("LEFT_BRACKET", 0, "[", Action.SLOWER, 1),
        ("RIGHT_BRACKET", 0, "]", Action.FASTER, 1),
        ("PERIOD", 0, ".", Action.NEXT_FRAME, 4),
        ("KP_ADD", 0, "+", Action.ZOOM_IN, 4),
    ],
)
def test_a_character_key_that_stays_down_repeats_only_where_that_is_wanted(
    wired: Wired, key: str, mods: int, text: str, action: Action, times: int
) -> None:
    for repeated in (False, True, True, True):
        wired.hand.key(key, True, repeated=repeated, mods=mods)
        wired.hand.character(text)
    wired.hand.key(key, False, mods=mods)
    assert wired.done == [action] * times
    wired.hand.key(key, True, mods=mods)
    wired.hand.character(text)
    assert wired.done == [action] * (times + 1), "pressed anew it acts anew"


def test_a_character_typed_with_super_is_not_ours(wired: Wired) -> None:
    wired.hand.key("PERIOD", True, mods=glfw.MOD_SUPER)
    wired.hand.character(".")
    assert wired.done == []
    wired.hand.key("8", True, mods=glfw.MOD_CONTROL | glfw.MOD_ALT)
    wired.hand.character("[")
    assert wired.done == [Action.SLOWER], "AltGr, where it is reported as Ctrl and Alt"


def test_the_panel_that_the_pointer_has_just_reached_takes_the_press_and_the_wheel(
    wired: Wired, window: Window
) -> None:
    width, height = window.size
    wired.hand.move(width // 2, height // 3)
    for _ in range(3):
        wired.overlay.draw()
    assert not wired.overlay.wants_mouse
    before = wired.camera.look()
    wired.hand.move(width // 2, height - 37)
    wired.hand.wheel(2)
    wired.hand.button(True)
    assert not wired.camera.dragging, "the timeline is pressed, not the scene"
    for _ in range(3):
        wired.overlay.draw()
    assert 3 <= wired.playback.frame <= 6, "the timeline was scrubbed to its middle"
    wired.hand.button(False)
    assert wired.camera.look() == before
    wired.overlay.draw()
    wired.hand.move(width // 2, height // 3)
    wired.hand.button(True)
    assert wired.camera.dragging, "and the scene takes it where the pointer has just left"
