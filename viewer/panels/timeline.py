"""Panel to play and seek."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgui_bundle import ImVec2, imgui

from nerv360.viewer.input import Playback
from nerv360.viewer.panels.layout import BAR_HEIGHT, FIXED, MARGIN, clock, place
from nerv360.viewer.panels.theme import ACCENT, FAINT, QUIET, TEXT, colour


class TimelinePanel:
    """Play and pause, scrub, speed and loop, at the bottom; writes to the playback."""

    hideable = True

    def __init__(
        self,
        playback: Playback,
        open_menu: Callable[[], None],
        chapters: Callable[[], Sequence[int]] = tuple,
    ) -> None:
        """Show ``playback``, with a tick at the first frame of each chapter but the first."""
        self._playback, self._open_menu, self._chapters = playback, open_menu, chapters

    def draw(self, scale: float) -> None:
        display, playback = imgui.get_io().display_size, self._playback
        place(MARGIN * scale, display.y - MARGIN * scale, 0.0, 1.0)
        imgui.set_next_window_size(ImVec2(display.x - 2 * MARGIN * scale, BAR_HEIGHT * scale))
        imgui.begin("timeline", None, FIXED)
        line = imgui.get_frame_height()
        if _play_button(playback.playing, line):
            playback.toggle()
        imgui.same_line()
        imgui.align_text_to_frame_padding()
        imgui.text(f"{clock(playback.seconds)} / {clock(playback.duration)}")
        imgui.same_line(0, 14 * scale)
        speed = f"{playback.speed:g}×"
        widths = [imgui.calc_text_size(t).x + 14 * scale for t in ("0.25×", "Loop", "Menu")]
        room = imgui.get_content_region_avail().x - sum(widths) - 32 * scale
        _scrub(playback, self._chapters()[1:], room, line, scale)
        imgui.same_line(0, 12 * scale)
        if imgui.button(f"{speed}###speed", ImVec2(widths[0], 0)):
            playback.change_speed(1)
        if imgui.is_item_clicked(imgui.MouseButton_.right):
            playback.change_speed(-1)
        imgui.same_line(0, 4 * scale)
        imgui.push_style_color(imgui.Col_.text, ACCENT if playback.loop else QUIET)
        if imgui.button("Loop", ImVec2(widths[1], 0)):
            playback.loop = not playback.loop
        imgui.pop_style_color()
        imgui.same_line(0, 4 * scale)
        if imgui.button("Menu", ImVec2(widths[2], 0)):
            self._open_menu()
        imgui.end()


def _play_button(playing: bool, size: float) -> bool:
    corner = imgui.get_cursor_screen_pos()
    pressed = imgui.button("###play", ImVec2(size, size))
    draw, ink = imgui.get_window_draw_list(), colour(TEXT)
    x, y, unit = corner.x + size / 2, corner.y + size / 2, size / 4
    if playing:
        for side in (-1, 1):
            centre = x + side * unit * 0.6
            draw.add_rect_filled(
                ImVec2(centre - unit * 0.33, y - unit), ImVec2(centre + unit * 0.33, y + unit), ink
            )
    else:
        draw.add_triangle_filled(
            ImVec2(x - unit * 0.7, y - unit),
            ImVec2(x - unit * 0.7, y + unit),
            ImVec2(x + unit, y),
            ink,
        )
    return bool(pressed)


def _scrub(
    playback: Playback, ticks: Sequence[int], width: float, height: float, scale: float
) -> None:
    corner = imgui.get_cursor_screen_pos()
    width = max(width, 20 * scale)
    imgui.invisible_button("scrub", ImVec2(width, height))
    active, hovered = imgui.is_item_active(), imgui.is_item_hovered()
    last = max(playback.frames - 1, 1)
    if active:
        share = (imgui.get_io().mouse_pos.x - corner.x) / width
        playback.seek(round(min(max(share, 0.0), 1.0) * last))
    thickness = (5 if hovered or active else 3) * scale
    y, share = corner.y + height / 2, playback.frame / last
    draw = imgui.get_window_draw_list()
    for x, ink in ((width, colour(FAINT, 1.6)), (width * share, colour(ACCENT))):
        draw.add_rect_filled(
            ImVec2(corner.x, y - thickness / 2),
            ImVec2(corner.x + x, y + thickness / 2),
            ink,
            thickness / 2,
        )
    for tick in ticks:
        x = corner.x + width * tick / last
        draw.add_line(ImVec2(x, y - 6 * scale), ImVec2(x, y + 6 * scale), colour(QUIET), scale)
    knob = (7 if hovered or active else 5) * scale
    draw.add_circle_filled(ImVec2(corner.x + width * share, y), knob, colour(TEXT))
