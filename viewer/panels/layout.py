"""Positions, sizes and tables shared by the panels."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from nerv360.text import escaped
from nerv360.viewer.panels.theme import QUIET

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

WINDOW = FIXED | imgui.WindowFlags_.always_auto_resize
"""Flags of one in the middle that takes the mouse, and scrolls if the window is too small."""

MARGIN = 14.0
"""Space between panels and the window's border, at a scale of 1 like all sizes here."""

BAR_HEIGHT = 46.0
"""Height of the timeline."""

ABOVE_BAR = BAR_HEIGHT + 2 * MARGIN
"""Space above the window's lower border that the timeline takes."""


FULL_WIDTH, FULL_HEIGHT = 700.0, 540.0
"""A window that is narrower or lower shows less in each panel."""

_TINY_WIDTH, _TINY_HEIGHT = 1000.0, 340.0


def folded(scale: float) -> bool:
    """Tell whether the window is too small for whole panels."""
    display = imgui.get_io().display_size
    return display.x < FULL_WIDTH * scale or display.y < FULL_HEIGHT * scale


def gives_way(scale: float) -> bool:
    """Tell whether a message needs the room of the panels above it: the window is that small."""
    display = imgui.get_io().display_size
    tiny = display.x < _TINY_WIDTH * scale and display.y < _TINY_HEIGHT * scale
    return tiny and rectangle("message") is not None


def centre(scale: float) -> None:
    """Put the next panel into the middle, no larger than the window."""
    display, margin = imgui.get_io().display_size, 2 * MARGIN * scale
    place(display.x / 2, display.y / 2, 0.5, 0.5)
    imgui.set_next_window_bg_alpha(0.92)
    imgui.set_next_window_size_constraints(
        ImVec2(0, 0), ImVec2(max(display.x - margin, 1), max(display.y - margin, 1))
    )


def rectangle(name: str) -> tuple[float, float, float, float] | None:
    """Return left, top, right and bottom of a panel as drawn last, or None if it was not."""
    window = imgui.internal.find_window_by_name(name)
    if window is None or not (window.was_active or window.active):
        return None
    return window.pos.x, window.pos.y, window.pos.x + window.size.x, window.pos.y + window.size.y


def place_below(name: str, scale: float) -> None:
    """Put the next panel at the left border, below another if that is drawn."""
    above, margin = rectangle(name), MARGIN * scale
    place(margin, (above[3] if above else 0.0) + margin)
    imgui.set_next_window_size_constraints(
        ImVec2(0, 0), ImVec2(max(imgui.get_io().display_size.x / 2 - margin, 1), imgui.FLT_MAX)
    )


def place_at_right(scale: float, *above: str) -> None:
    """Put the next panel at the right border, below the panels ``above``.

    It becomes no wider than half the window.
    """
    display, margin = imgui.get_io().display_size, MARGIN * scale
    bottoms = [shape[3] for name in above if (shape := rectangle(name))]
    place(display.x - margin, max(bottoms, default=0.0) + margin, 1.0, 0.0)
    imgui.set_next_window_size_constraints(
        ImVec2(0, 0), ImVec2(max(display.x / 2 - margin, 1), imgui.FLT_MAX)
    )


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
