"""Table of all keys of the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Action(Enum):
    """Actions that keys can trigger."""

    TURN_LEFT = auto()
    TURN_RIGHT = auto()
    TURN_UP = auto()
    TURN_DOWN = auto()
    ROLL_LEFT = auto()
    ROLL_RIGHT = auto()
    ZOOM_IN = auto()
    ZOOM_OUT = auto()
    RESET = auto()
    INERTIA = auto()
    PLAY = auto()
    PREVIOUS_FRAME = auto()
    NEXT_FRAME = auto()
    SLOWER = auto()
    FASTER = auto()
    LOOP = auto()
    MUTE = auto()
    LOUDER = auto()
    QUIETER = auto()
    NEXT_DECODER = auto()
    SPLIT = auto()
    DIFFERENCE = auto()
    COMPOSITING = auto()
    RECORD = auto()
    FULLSCREEN = auto()
    OVERLAY = auto()
    HELP = auto()
    SCREENSHOT = auto()
    OPEN = auto()
    COPY_LINK = auto()
    COPY_COMMAND = auto()
    SETTINGS = auto()
    MENU = auto()
    QUIT = auto()


@dataclass(frozen=True)
class Binding:
    """The keys of one action.

    Attributes:
        keys: GLFW's name of a key (by its position on a US keyboard), or the character it types, so
            that ``?`` and ``+`` follow the user's layout.
        action: the action they trigger.
        text: its line in the help and in the menu.
        menu: title of its submenu; empty for the menu itself.
        held: the action lasts while a key is down.
        repeated: the action repeats while a key is down.
    """

    keys: tuple[str, ...]
    action: Action
    text: str
    menu: str = ""
    held: bool = False
    repeated: bool = False


KEYMAP = (
    Binding(("LEFT", "A"), Action.TURN_LEFT, "Look left", held=True),
    Binding(("RIGHT", "D"), Action.TURN_RIGHT, "Look right", held=True),
    Binding(("UP", "W"), Action.TURN_UP, "Look up", held=True),
    Binding(("DOWN", "S"), Action.TURN_DOWN, "Look down", held=True),
    Binding(("Q",), Action.ROLL_LEFT, "Lean left", held=True),
    Binding(("E",), Action.ROLL_RIGHT, "Lean right", held=True),
    Binding(("+", "="), Action.ZOOM_IN, "Zoom in (also the wheel)", "View", repeated=True),
    Binding(("-", "_"), Action.ZOOM_OUT, "Zoom out", "View", repeated=True),
    Binding(("HOME", "0", "KP_0"), Action.RESET, "Back to the first view", "View"),
    Binding(("I",), Action.INERTIA, "Inertia on or off", "View"),
    Binding(("F", "F11"), Action.FULLSCREEN, "Full screen on or off", "View"),
    Binding(("H",), Action.OVERLAY, "Show or hide the overlay", "View"),
    Binding(("SPACE",), Action.PLAY, "Play or pause", "Play"),
    Binding((",",), Action.PREVIOUS_FRAME, "One frame back", "Play", repeated=True),
    Binding((".",), Action.NEXT_FRAME, "One frame on", "Play", repeated=True),
    Binding(("[",), Action.SLOWER, "Play slower", "Play"),
    Binding(("]",), Action.FASTER, "Play faster", "Play"),
    Binding(("L",), Action.LOOP, "Loop on or off", "Play"),
    Binding(("V",), Action.MUTE, "Sound on or off", "Play"),
    Binding(("PAGE_UP",), Action.LOUDER, "Louder", "Play", repeated=True),
    Binding(("PAGE_DOWN",), Action.QUIETER, "Quieter", "Play", repeated=True),
    Binding(("TAB",), Action.NEXT_DECODER, "Next decoder of the scene", "Compare"),
    Binding(("C",), Action.SPLIT, "Compare two decoders, or stop", "Compare"),
    Binding(("X",), Action.DIFFERENCE, "Difference to the original, or stop", "Compare"),
    Binding(("P",), Action.COMPOSITING, "Decoded tiles alone, their share, or all", "Compare"),
    Binding(("O",), Action.OPEN, "Open a scene, a video or a gaze path"),
    Binding(("R",), Action.RECORD, "Record where you look, or stop"),
    Binding(("F12",), Action.SCREENSHOT, "Save a screenshot"),
    Binding(("K",), Action.COPY_LINK, "Copy this view as a link for the page"),
    Binding(("J",), Action.COPY_COMMAND, "Copy this view as a command"),
    Binding(("F2",), Action.SETTINGS, "Show or hide the settings"),
    Binding(("?", "F1"), Action.HELP, "Show or hide the keys"),
    Binding(("M", "MENU"), Action.MENU, "Menu (also the right mouse button)"),
    Binding(("ESCAPE",), Action.QUIT, "Quit"),
)


def _is_character(key: str) -> bool:
    return len(key) == 1 and not key.isalnum()


KEYS = {k: b for b in KEYMAP for k in b.keys if not _is_character(k)}
"""Bindings by GLFW's key name."""

CHARACTERS = {k: b for b in KEYMAP for k in b.keys if _is_character(k)}
"""Bindings by the typed character."""
