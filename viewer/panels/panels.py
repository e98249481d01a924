"""The overlay's panels: each one callable that reads what happened and writes what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from imgui_bundle import ImVec2, imgui

from model.geometry import Look
from viewer.input.playback import Playback
from viewer.panels.theme import ACCENT, FAINT, QUIET, TEXT, WARNING, colour
from viewer.panels.viewport_border import outline
from viewer.text import printable

_FIXED = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_nav
    | imgui.WindowFlags_.no_focus_on_appearing
)
PASSIVE = _FIXED | imgui.WindowFlags_.no_inputs
MARGIN = 14.0
BAR_HEIGHT = 46.0
_MAP_WIDTH = 220.0
_STATUS_WIDTH = 262.0


@dataclass(frozen=True)
class GazeFacts:
    """What the screen says of the path that is recorded or followed.

    Attributes:
        recorded_s: seconds that have been recorded, where a recording runs.
        followed: name of the path that is followed, its time and its length in seconds.
    """

    recorded_s: float | None = None
    followed: tuple[str, float, float] | None = None


@dataclass(frozen=True)
class SideFacts:
    """What is known of one side of a split view.

    Attributes:
        name: of its decoder.
        rows: label and value.
    """

    name: str
    rows: list[tuple[str, str]]


@dataclass
class Facts:
    """What the panels show of one moment.

    Attributes:
        title: of the scene.
        look, aspect: what is shown.
        rows: label and value, in order, of the status panel.
        decode_ms: the latest pictures, oldest first.
        sphere: OpenGL's name of the texture for the minimap, 0 for none.
        message: one sentence, or nothing.
        opening: what is being opened while there is no picture.
        gaze: what is recorded and followed.
        sides: what decodes each side of a split view.
    """

    title: str
    look: Look
    aspect: float
    rows: list[tuple[str, str]]
    decode_ms: list[float]
    sphere: int
    message: str | None
    opening: str | None
    gaze: GazeFacts
    sides: tuple[SideFacts, ...] = ()

    def printable(self) -> Facts:
        """The same with every text as imgui takes it."""
        followed = self.gaze.followed
        if followed is not None:
            followed = (printable(followed[0]), *followed[1:])
        return replace(
            self,
            title=printable(self.title),
            rows=_printable(self.rows),
            message=printable(self.message) if self.message else None,
            opening=printable(self.opening) if self.opening else None,
            gaze=replace(self.gaze, followed=followed),
            sides=tuple(SideFacts(printable(s.name), _printable(s.rows)) for s in self.sides),
        )


def _printable(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, printable(value)) for label, value in rows]


def place(x: float, y: float, pivot_x: float = 0.0, pivot_y: float = 0.0) -> None:
    """Put the next panel there, in pixels; the pivot is the part of it that lies on the point."""
    imgui.set_next_window_pos(ImVec2(x, y), imgui.Cond_.always, ImVec2(pivot_x, pivot_y))


def table(rows: list[tuple[str, str]]) -> None:
    """Labels and values in two columns."""
    if imgui.begin_table("rows", 2, imgui.TableFlags_.sizing_fixed_fit):
        for label, value in rows:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_colored(QUIET, label)
            imgui.table_next_column()
            imgui.text(value)
        imgui.end_table()


def status(facts: Facts, scale: float) -> None:
    """Rates, view, memory and what decodes, in the upper left."""
    place(MARGIN * scale, MARGIN * scale)
    imgui.set_next_window_size_constraints(
        ImVec2(_STATUS_WIDTH * scale, 0), ImVec2(imgui.FLT_MAX, imgui.FLT_MAX)
    )
    imgui.begin("status", None, PASSIVE | imgui.WindowFlags_.always_auto_resize)
    imgui.text(facts.title)
    imgui.dummy(ImVec2(0, 1 * scale))
    table(facts.rows)
    values = np.asarray(facts.decode_ms or [0.0], np.float32)
    top = float(max(values.max() * 1.15, 1.0))
    size = ImVec2(imgui.get_content_region_avail().x, 34 * scale)
    imgui.plot_lines("##ms", values, scale_min=0.0, scale_max=top, graph_size=size)
    imgui.end()


def minimap(facts: Facts, scale: float) -> None:
    """The whole sphere with the viewport's outline, in the upper right."""
    display = imgui.get_io().display_size
    size = ImVec2(_MAP_WIDTH * scale, _MAP_WIDTH / 2 * scale)
    place(display.x - MARGIN * scale, MARGIN * scale, 1.0, 0.0)
    imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(6 * scale, 6 * scale))
    imgui.begin("minimap", None, PASSIVE | imgui.WindowFlags_.always_auto_resize)
    corner = imgui.get_cursor_screen_pos()
    imgui.dummy(size)
    draw = imgui.get_window_draw_list()
    end = ImVec2(corner.x + size.x, corner.y + size.y)
    draw.add_rect_filled(corner, end, colour(FAINT, 0.4), 4 * scale)
    if facts.sphere:
        reference = imgui.ImTextureRef(facts.sphere)
        draw.add_image_rounded(
            reference, corner, end, ImVec2(0, 0), ImVec2(1, 1), 0xFFB8B8B8, 4 * scale
        )
    draw.push_clip_rect(corner, end, True)
    for line in outline(facts.look, facts.aspect):
        points: list[Any] = [(corner.x + u * size.x, corner.y + v * size.y) for u, v in line]
        draw.add_polyline(points, colour(TEXT), 1.6 * scale, 0)
    yaw, pitch, _, _ = facts.look.degrees()
    centre = ImVec2(corner.x + (yaw / 360 + 0.5) * size.x, corner.y + (0.5 - pitch / 180) * size.y)
    draw.add_circle_filled(centre, 2.5 * scale, colour(ACCENT))
    draw.pop_clip_rect()
    imgui.end()
    imgui.pop_style_var()


def timeline(playback: Playback, scale: float) -> None:
    """Play and pause, scrub, speed and loop, at the bottom."""
    display = imgui.get_io().display_size
    place(MARGIN * scale, display.y - MARGIN * scale, 0.0, 1.0)
    imgui.set_next_window_size(ImVec2(display.x - 2 * MARGIN * scale, BAR_HEIGHT * scale))
    imgui.begin("timeline", None, _FIXED)
    line = imgui.get_frame_height()
    if _play_button(playback.playing, line):
        playback.toggle()
    imgui.same_line()
    imgui.align_text_to_frame_padding()
    imgui.text(f"{clock(playback.seconds)} / {clock(playback.duration)}")
    imgui.same_line(0, 14 * scale)
    speed = f"{playback.speed:g}×"
    widths = [imgui.calc_text_size(t).x + 14 * scale for t in ("0.25×", "Loop")]
    _scrub(playback, imgui.get_content_region_avail().x - sum(widths) - 24 * scale, line, scale)
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
    imgui.end()


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


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


def _scrub(playback: Playback, width: float, height: float, scale: float) -> None:
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
    knob = (7 if hovered or active else 5) * scale
    draw.add_circle_filled(ImVec2(corner.x + width * share, y), knob, colour(TEXT))


def message(text: str, scale: float) -> None:
    """A sentence that must be read, above the timeline."""
    display = imgui.get_io().display_size
    place(display.x / 2, display.y - (BAR_HEIGHT + 2 * MARGIN) * scale, 0.5, 1.0)
    width = min(640 * scale, display.x - 2 * MARGIN * scale)
    padding = imgui.get_style().window_padding.x * 2
    natural = imgui.calc_text_size(text).x + padding + 2 * scale
    imgui.set_next_window_size(ImVec2(min(natural, width), 0))
    imgui.begin("message", None, PASSIVE)
    imgui.push_style_color(imgui.Col_.text, WARNING)
    imgui.text_wrapped(text)
    imgui.pop_style_color()
    imgui.end()


def opening(text: str, scale: float) -> None:
    """What the window is waiting for, alone on it or over the picture of another decoder."""
    display = imgui.get_io().display_size
    size = imgui.calc_text_size(text)
    draw = imgui.get_background_draw_list()
    x, y, room = (display.x - size.x) / 2, (display.y - size.y) / 2, MARGIN * scale
    draw.add_rect_filled(
        ImVec2(x - room, y - room),
        ImVec2(x + size.x + room, y + size.y + room),
        imgui.get_color_u32(imgui.Col_.window_bg),
        imgui.get_style().window_rounding,
    )
    draw.add_text(ImVec2(x, y), colour(QUIET), text)
