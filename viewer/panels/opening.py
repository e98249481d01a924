"""Message while a scene or decoder has no picture yet."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from nerv360.text import escaped
from nerv360.viewer.panels.layout import MARGIN
from nerv360.viewer.panels.theme import QUIET, colour
from nerv360.viewer.picture import Panes


class OpeningPanel:
    """Name of the scene or decoder without a picture yet, in the middle, below all other panels."""

    hideable = False

    def __init__(self, panes: Panes) -> None:
        self._panes = panes

    @property
    def text(self) -> str | None:
        """The message, or None.

        None in a split view with a picture: each side has a panel of its own. None while a scene
        loads behind its still panorama: the loading message names the file.
        """
        panes = self._panes
        if panes.opening is None or not panes.scene.whole:
            return None
        if panes.split and panes.renderers[0].picture:
            return None
        return f"Opening {panes.opening} …"

    def draw(self, scale: float) -> None:
        text = escaped(self.text or "")
        if not text:
            return
        display, size = imgui.get_io().display_size, imgui.calc_text_size(text)
        draw = imgui.get_background_draw_list()
        x, y, room = (display.x - size.x) / 2, (display.y - size.y) / 2, MARGIN * scale
        draw.add_rect_filled(
            ImVec2(x - room, y - room),
            ImVec2(x + size.x + room, y + size.y + room),
            imgui.get_color_u32(imgui.Col_.window_bg),
            imgui.get_style().window_rounding,
        )
        draw.add_text(ImVec2(x, y), colour(QUIET), text)
