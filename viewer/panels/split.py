"""The divider of the split view, and what each side costs."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.panels import BAR_HEIGHT, MARGIN, PASSIVE, SideFacts, place, table
from viewer.panels.theme import ACCENT, TEXT, colour
from viewer.picture.panes import Split

_GRIP = 24.0


def divider(split: Split, scale: float) -> None:
    """A line that can be dragged; writes to ``split``."""
    display, grip = imgui.get_io().display_size, _GRIP * scale
    x = split.share * display.x
    imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(0, 0))
    imgui.push_style_var(imgui.StyleVar_.window_min_size, ImVec2(1, 1))
    place(x, 0, 0.5, 0.0)
    imgui.set_next_window_size(ImVec2(grip, display.y))
    flags = (
        imgui.WindowFlags_.no_decoration
        | imgui.WindowFlags_.no_background
        | imgui.WindowFlags_.no_saved_settings
        | imgui.WindowFlags_.no_nav
        | imgui.WindowFlags_.no_move
        | imgui.WindowFlags_.no_bring_to_front_on_focus
    )
    imgui.begin("divider", None, flags)
    imgui.invisible_button("grip", ImVec2(grip, display.y))
    active, hovered = imgui.is_item_active(), imgui.is_item_hovered()
    if active:
        split.share = imgui.get_io().mouse_pos.x / display.x
    if active or hovered:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    ink = colour(ACCENT if active or hovered else TEXT)
    draw = imgui.get_window_draw_list()
    draw.add_line(ImVec2(x, 0), ImVec2(x, display.y), ink, 2 * scale)
    middle, reach = display.y / 2, 4 * scale
    draw.add_circle_filled(ImVec2(x, middle), 11 * scale, ink)
    for side in (-1, 1):
        tip = x + side * 7 * scale
        base = x + side * 2.5 * scale
        draw.add_triangle_filled(
            ImVec2(tip, middle),
            ImVec2(base, middle - reach),
            ImVec2(base, middle + reach),
            0xFF202020,
        )
    imgui.end()
    imgui.pop_style_var(2)


def sides(facts: tuple[SideFacts, ...], share: float, scale: float) -> None:
    """What decodes each side and what that costs, beside the divider."""
    display = imgui.get_io().display_size
    gap = (MARGIN + _GRIP / 2) * scale
    bottom = display.y - (BAR_HEIGHT + 2 * MARGIN) * scale
    for index, side in enumerate(facts):
        towards = 1 if index else -1
        place(share * display.x + towards * gap, bottom, 0.0 if index else 1.0, 1.0)
        imgui.begin(f"side {index}", None, PASSIVE | imgui.WindowFlags_.always_auto_resize)
        imgui.text_colored(ACCENT, side.name)
        table(side.rows)
        imgui.end()
