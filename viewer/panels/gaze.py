"""Panel of the gaze path being recorded or followed."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from nerv360.text import escaped
from nerv360.viewer.input import Gaze
from nerv360.viewer.panels.layout import (
    FITTED,
    clock,
    folded,
    gives_way,
    place_at_right,
    place_below,
)
from nerv360.viewer.panels.theme import QUIET, RECORDING, colour

_LONGEST_NAME = 60


class GazePanel:
    """A red dot and the elapsed time, and the path that leads, at the right."""

    hideable = False

    def __init__(self, gaze: Gaze) -> None:
        self._gaze = gaze

    def draw(self, scale: float) -> None:
        recorder, replay = self._gaze.recorder, self._gaze.replay
        if (recorder.path is None and replay is None) or gives_way(scale):
            return
        if folded(scale):
            place_below("status", scale)
        else:
            place_at_right(scale, "minimap", "caption")
        imgui.begin("gaze", None, FITTED)
        if recorder.path is not None:
            line, corner = imgui.get_text_line_height(), imgui.get_cursor_screen_pos()
            centre = ImVec2(corner.x + line / 2, corner.y + line / 2)
            imgui.get_window_draw_list().add_circle_filled(centre, line * 0.36, colour(RECORDING))
            imgui.dummy(ImVec2(line, line))
            imgui.same_line()
            imgui.text(f"Recording {clock(recorder.elapsed_s)}")
        if replay is not None:
            imgui.text_colored(QUIET, "Following")
            imgui.same_line()
            name, seconds, duration = replay.trajectory.name, replay.seconds, replay.duration
            imgui.text(f"{escaped(name, _LONGEST_NAME)}  {clock(seconds)} / {clock(duration)}")
        imgui.end()
