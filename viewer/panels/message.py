"""Panel of messages to the user."""

from __future__ import annotations

import time
from collections.abc import Callable

from imgui_bundle import ImVec2, imgui

from nerv360.text import escaped
from nerv360.viewer.panels.layout import ABOVE_BAR, MARGIN, PASSIVE, place, rectangle
from nerv360.viewer.panels.theme import WARNING

_SHOWN_S = 8.0
_MOST_REFUSALS = 6
_WIDTH = 640.0


class MessagePanel:
    """The latest message, above the timeline."""

    hideable = False

    def __init__(self, standing: Callable[[], str | None]) -> None:
        """Start without a message.

        Args:
            standing: returns a message to show while there is no newer one, or None.
        """
        self._standing = standing
        self._sentence, self._until = "", 0.0
        self._refusals: list[str] = []

    def notify(self, sentence: str) -> None:
        """Show ``sentence`` for a few seconds."""
        self._sentence, self._until = sentence, time.monotonic() + _SHOWN_S

    def refuse(self, sentence: str) -> None:
        """Show ``sentence`` for a few seconds, below other refusals still on screen."""
        if self.text != "\n".join(self._refusals):
            self._refusals = []
        self._refusals = [*self._refusals[1 - _MOST_REFUSALS :], sentence]
        self.notify("\n".join(self._refusals))

    @property
    def text(self) -> str | None:
        """The message on screen, or None."""
        return self._sentence if time.monotonic() < self._until else self._standing()

    def draw(self, scale: float) -> None:
        text = "\n".join(map(escaped, (self.text or "").split("\n")))
        if not text:
            return
        display = imgui.get_io().display_size
        sides = [shape[1] for name in ("side 0", "side 1") if (shape := rectangle(name))]
        bottom = min([display.y - ABOVE_BAR * scale, *(top - MARGIN * scale for top in sides)])
        place(display.x / 2, bottom, 0.5, 1.0)
        width = min(_WIDTH * scale, display.x - 2 * MARGIN * scale)
        padding = imgui.get_style().window_padding.x * 2
        natural = imgui.calc_text_size(text).x + padding + 2 * scale
        imgui.set_next_window_size(ImVec2(min(natural, width), 0))
        imgui.begin("message", None, PASSIVE)
        imgui.push_style_color(imgui.Col_.text, WARNING)
        imgui.text_wrapped(text)
        imgui.pop_style_color()
        imgui.end()
