"""Positions, sizes and tables shared by the panels."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from model.text import escaped
from viewer.panels.theme import QUIET

FIXED = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_nav
    | imgui.WindowFlags_.no_focus_on_appearing
)
"""Flags of a panel that takes the mouse."""

PASSIVE = FIXED | imgui.WindowFlags_.no_inputs
"""Flags of a panel that ignores the mouse."""

FITTED = PASSIVE | imgui.WindowFlags_.always_auto_resize
"""Flags of a panel that ignores the mouse and fits its content."""

MARGIN = 14.0
"""Space between panels and the window's border, at a scale of 1 like all sizes here."""

BAR_HEIGHT = 46.0
"""Height of the timeline."""

ABOVE_BAR = BAR_HEIGHT + 2 * MARGIN
"""Space above the window's lower border that the timeline takes."""


def place(x: float, y: float, pivot_x: float = 0.0, pivot_y: float = 0.0) -> None:
    """Place the next panel, in pixels; the pivot is the point of the panel that lies there."""
    imgui.set_next_window_pos(ImVec2(x, y), imgui.Cond_.always, ImVec2(pivot_x, pivot_y))


def table(rows: list[tuple[str, str]]) -> None:
    """Draw labels and values in two columns."""
    if imgui.begin_table("rows", 2, imgui.TableFlags_.sizing_fixed_fit):
        for label, value in rows:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_colored(QUIET, label)
            imgui.table_next_column()
            imgui.text(escaped(value))
        imgui.end_table()


def clock(seconds: float) -> str:
    """Format seconds as minutes and seconds."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
