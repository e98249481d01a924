from __future__ import annotations

import glfw

from nerv360.viewer.input.keymap import (
    CHARACTERS,
    KEYMAP,
    KEYS,
    Action,
)


def test_every_action_has_a_key_and_every_key_one_action() -> None:
    assert {binding.action for binding in KEYMAP} == set(Action)
    keys = [key for binding in KEYMAP for key in binding.keys]
    assert len(keys) == len(set(keys)) == len(KEYS) + len(CHARACTERS)


def test_every_named_key_exists() -> None:
    for name in KEYS:
        assert hasattr(glfw, f"KEY_{name}"), name


def test_every_binding_says_what_it_does() -> None:
    assert len({binding.text for binding in KEYMAP}) == len(KEYMAP)
    assert all(binding.text for binding in KEYMAP)


def test_keys_promised_to_users() -> None:
    for key, action in {
        "LEFT": Action.TURN_LEFT, "A": Action.TURN_LEFT, "W": Action.TURN_UP,
        "S": Action.TURN_DOWN, "D": Action.TURN_RIGHT, "Q": Action.ROLL_LEFT,
        "E": Action.ROLL_RIGHT, "HOME": Action.RESET, "0": Action.RESET, "SPACE": Action.PLAY,
        "F": Action.FULLSCREEN, "H": Action.OVERLAY, "F12": Action.SCREENSHOT,
        "ESCAPE": Action.QUIT, "TAB": Action.NEXT_DECODER, "R": Action.RECORD,
        "C": Action.SPLIT,
    }.items():  # fmt: skip
        assert KEYS[key].action is action
    for character, action in {
        ",": Action.PREVIOUS_FRAME, ".": Action.NEXT_FRAME, "+": Action.ZOOM_IN,
        "-": Action.ZOOM_OUT, "?": Action.HELP,
    }.items():  # fmt: skip
        assert CHARACTERS[character].action is action


def test_held_actions_do_not_repeat() -> None:
    assert not any(binding.held and binding.repeated for binding in KEYMAP)
