"""Panels of a comparison: its caption, the divider of a split view, and each side's costs."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from nerv360.text import escaped
from nerv360.viewer.decode import DecodeReport, DecodeWorker
from nerv360.viewer.panels.layout import (
    ABOVE_BAR,
    FITTED,
    MARGIN,
    WINDOW,
    folded,
    gives_way,
    place,
    place_at_right,
    table,
)
from nerv360.viewer.panels.statistics import MIB
from nerv360.viewer.panels.theme import ACCENT, TEXT, colour
from nerv360.viewer.picture import Panes, Split

SEEN, WHOLE = "Decode only what the look sees", "Decode the whole frame"
_GRIP = 24.0
_LATEST = 8
_CAPTION_WIDTH = 300.0


class SplitPanel:
    """The divider of a split view, which can be dragged, and each side's decoder beside it.

    Writes to the panes' split. A difference has no divider. A caption of the panes is drawn on top.
    A button lets a full-frame decoder decode only what looks see.
    """

    hideable = False

    def __init__(self, worker: DecodeWorker, panes: Panes) -> None:
        self._worker = worker
        self._panes = panes
        self._widths: dict[int, float] = {}

    def draw(self, scale: float) -> None:
        if self._panes.caption is not None and not gives_way(scale):
            place_at_right(scale, "minimap")
            imgui.begin("caption", None, FITTED)
            wrap = min(
                _CAPTION_WIDTH * scale, imgui.get_io().display_size.x / 2 - 4 * MARGIN * scale
            )
            imgui.push_text_wrap_pos(max(wrap, 1))
            imgui.text_unformatted(escaped(self._panes.caption))
            imgui.pop_text_wrap_pos()
            imgui.end()
        split = self._panes.split
        if split is None:
            return
        if not split.difference:
            _divider(split, scale)
        display = imgui.get_io().display_size
        gap, bottom = (MARGIN + _GRIP / 2) * scale, display.y - ABOVE_BAR * scale
        centre = (0.5 if split.difference else split.share) * display.x
        sides = zip(self._panes.shown, self._worker.reports, strict=False)
        for index, (decoder, report) in enumerate(sides):
            before = self._widths.get(index, 0.0)
            left = centre + gap if index else centre - gap - before
            # Both stay in the window, one beside the other, wherever the divider is.
            other, margin = self._widths.get(1 - index, 0.0), MARGIN * scale
            low = margin if index == 0 else margin + other + margin
            high = display.x - margin - before - (0 if index else other + margin)
            place(max(min(left, high), low), bottom, 0.0, 1.0)
            crops = None if folded(scale) else self._panes.crops(decoder)
            imgui.begin(f"side {index}", None, FITTED if crops is None else WINDOW)
            imgui.text_colored(ACCENT, escaped(decoder))
            rows = self._rows(decoder, report)
            if folded(scale):
                imgui.same_line()
                imgui.text(dict(rows)["Decode"])
            else:
                table(rows)
                if crops is not None and imgui.small_button(WHOLE if crops else SEEN):
                    self._panes.toggle_crops(decoder)
            self._widths[index] = imgui.get_window_width()
            imgui.end()

    def _rows(self, decoder: str, report: DecodeReport) -> list[tuple[str, str]]:
        """Return label and value of each line about one side."""
        scene = self._panes.scene
        cost = self._panes.cost(decoder)
        share = cost.pixels / (scene.size[0] * scene.size[1])
        part = "the crop that the look sees" if self._panes.crops(decoder) else "the viewport"
        rows = [("Decodes", "the whole frame" if cost.full_frame else part)]
        if scene.still(decoder, 0) is not None:
            rows += [("Over", "the still panorama")]
        rows += [("Pixels", f"{cost.pixels / 1e6:.2f} M, {share:.0%} of the frame")]
        if report.times:
            latest = report.times[-_LATEST:]
            seconds = sum(latest) / len(latest)
            rate, digits = 1 / seconds, 0 if seconds < 0.1 else 1 if seconds < 1 else 2
            rows += [("Decode", f"{rate:.{digits}f} fps, {seconds * 1000:.0f} ms")]
        else:
            rows += [("Decode", "its first picture …")]
        rows += [("Memory", f"about {cost.peak_bytes / MIB:.0f} MiB")]
        if report.engine:
            rows += [("Engine", f"{report.engine.name} on {report.engine.device}")]
        return rows


def _divider(split: Split, scale: float) -> None:
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
