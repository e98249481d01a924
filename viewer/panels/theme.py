"""Look of the overlay: one font, one accent, dark panels."""

from __future__ import annotations

from pathlib import Path

import imgui_bundle
from imgui_bundle import ImVec2, ImVec4, imgui

FONT_SIZE = 15.0
_FONTS = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "Roboto"

PANEL = ImVec4(0.05, 0.055, 0.065, 0.72)
TEXT = ImVec4(0.93, 0.94, 0.95, 1.0)
QUIET = ImVec4(0.93, 0.94, 0.95, 0.55)
ACCENT = ImVec4(0.36, 0.72, 1.0, 1.0)
FAINT = ImVec4(1.0, 1.0, 1.0, 0.14)
RECORDING = ImVec4(0.95, 0.22, 0.2, 1.0)
WARNING = ImVec4(1.0, 0.72, 0.35, 1.0)


PALETTES = {
    "blue": ((0.36, 0.72, 1.0), 0.72),
    "amber": ((1.0, 0.74, 0.3), 0.72),
    "green": ((0.45, 0.86, 0.5), 0.72),
    "high contrast": ((1.0, 0.95, 0.2), 1.0),
}
"""Accent and opacity of the panels, by name."""

_palette = next(iter(PALETTES))


def palette() -> str:
    """Return the name of the palette in use."""
    return _palette


def use_palette(name: str) -> None:
    """Draw with another palette from now on."""
    global _palette
    _palette = name
    (ACCENT.x, ACCENT.y, ACCENT.z), PANEL.w = PALETTES[name]
    QUIET.w = 0.85 if PANEL.w == 1.0 else 0.55
    if imgui.get_current_context() is not None:
        _set_colours(imgui.get_style())


def colour(value: ImVec4, alpha: float = 1.0) -> int:
    """Convert a colour for imgui's draw lists."""
    return imgui.color_convert_float4_to_u32(ImVec4(value.x, value.y, value.z, value.w * alpha))


def load_font() -> None:
    """Load the overlay's font; imgui rasterises it at any size on demand."""
    path = _FONTS / "Roboto-Regular.ttf"
    fonts = imgui.get_io().fonts
    if path.exists():
        fonts.add_font_from_file_ttf(str(path), FONT_SIZE)
    else:
        fonts.add_font_default_vector()


def apply(scale: float) -> None:
    """Set imgui's style for an interface ``scale`` of 1 at 96 dpi."""
    style = imgui.get_style()
    style.font_size_base = FONT_SIZE
    style.font_scale_dpi = scale
    for name, value in {
        "window_rounding": 9.0,
        "frame_rounding": 5.0,
        "popup_rounding": 7.0,
        "grab_rounding": 5.0,
        "window_border_size": 0.0,
        "frame_border_size": 0.0,
    }.items():
        setattr(style, name, value * scale)
    style.window_padding = ImVec2(14 * scale, 11 * scale)
    style.item_spacing = ImVec2(8 * scale, 5 * scale)
    style.frame_padding = ImVec2(7 * scale, 3 * scale)
    style.cell_padding = ImVec2(5 * scale, 2 * scale)
    _set_colours(style)


def _set_colours(style: imgui.Style) -> None:
    for slot, ink in {
        imgui.Col_.window_bg: PANEL,
        imgui.Col_.popup_bg: ImVec4(0.08, 0.085, 0.1, 0.96),
        imgui.Col_.text: TEXT,
        imgui.Col_.text_disabled: QUIET,
        imgui.Col_.frame_bg: ImVec4(1, 1, 1, 0.05),
        imgui.Col_.button: ImVec4(1, 1, 1, 0.0),
        imgui.Col_.button_hovered: ImVec4(1, 1, 1, 0.12),
        imgui.Col_.button_active: ImVec4(1, 1, 1, 0.2),
        imgui.Col_.separator: FAINT,
        imgui.Col_.plot_lines: ACCENT,
        imgui.Col_.border: ImVec4(0, 0, 0, 0),
    }.items():
        style.set_color_(slot, ink)
