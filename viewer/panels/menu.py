"""The menu: every action, for the mouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from imgui_bundle import imgui

from nerv360.text import file_name
from nerv360.viewer.input import KEYMAP, Action
from nerv360.viewer.panels.keys import key_label

_POPUP = "menu"
_TEXT_WIDTH = 260.0
_APART = (Action.OPEN, Action.MENU)


class MenuPanel:
    """Menu at the cursor, opened by the right mouse button, its key or the timeline's button.

    Chosen actions run after the overlay has been drawn, because some, like a screenshot, draw
    again.

    Attributes:
        commands: function of each action; actions without one are not offered.
        outcome: returns sentences on how well the open scene came out.
        recent: returns the files opened before, the latest first.
        open_file: opens one of them.
        is_open: it was on screen at the last drawing, and no action has been chosen since.
    """

    hideable = False

    def __init__(self) -> None:
        self.commands: Mapping[Action, Callable[[], None]] = {}
        self.outcome: Callable[[], Sequence[str]] = tuple
        self.recent: Callable[[], Sequence[Path]] = tuple
        self.open_file: Callable[[Path], None] = lambda path: None
        self.is_open = False
        self._wanted = self._unwanted = False
        self._chosen: list[Callable[[], None]] = []

    def open(self) -> None:
        """Open the menu at the cursor at the next drawing."""
        self._wanted = True

    def close(self) -> None:
        """Close the menu at the next drawing."""
        self._unwanted = True

    def run_chosen(self) -> None:
        """Run the actions chosen since the last call."""
        chosen, self._chosen = self._chosen, []
        for command in chosen:
            command()

    def draw(self, scale: float) -> None:
        """Draw the menu while it is open."""
        if self._wanted:
            imgui.open_popup(_POPUP)
            self._wanted = False
        self.is_open = imgui.begin_popup(_POPUP)
        unwanted, self._unwanted = self._unwanted, False
        if not self.is_open:
            return
        if unwanted:
            imgui.close_current_popup()
            self.is_open = False  # already for the next key, which comes before the next drawing
        self._item("Open …", "O", self.commands[Action.OPEN])
        self._recent_files()
        self._outcome(scale)
        imgui.separator()
        offered = [b for b in KEYMAP if b.action in self.commands and b.action not in _APART]
        for title, bindings in groupby(offered, lambda binding: binding.menu):
            if title and not imgui.begin_menu(title):
                continue
            for binding in bindings:
                key = key_label(binding.keys[0])
                self._item(binding.text, key, self.commands[binding.action])
            if title:
                imgui.end_menu()
        imgui.end_popup()

    def _outcome(self, scale: float) -> None:
        sentences = self.outcome()
        if not imgui.begin_menu("How it came out", bool(sentences)):
            return
        imgui.push_text_wrap_pos(_TEXT_WIDTH * scale)
        for sentence in sentences:
            imgui.text(sentence)
        imgui.pop_text_wrap_pos()
        imgui.end_menu()

    def _item(self, text: str, key: str, command: Callable[[], None]) -> None:
        if imgui.menu_item(text, key, False)[0]:
            self.is_open = False
            self._chosen.append(command)

    def _recent_files(self) -> None:
        files = self.recent()
        if not imgui.begin_menu("Open again", bool(files)):
            return
        for number, path in enumerate(files):
            imgui.push_id(number)
            self._item(file_name(path), "", partial(self.open_file, path))
            imgui.pop_id()
        imgui.end_menu()
