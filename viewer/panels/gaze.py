"""Panel of the gaze path being recorded or followed."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from model.text import escaped
from viewer.input import Gaze
from viewer.panels.layout import FITTED, MARGIN, clock, place
from viewer.panels.theme import QUIET, RECORDING, colour

_LONGEST_NAME = 60


class GazePanel:
    """Red dot with the recorded time, and the path being followed, at the top."""

    hideable = False

    def __init__(self, gaze: Gaze) -> None:
        self._gaze = gaze

    def draw(self, scale: float) -> None:
        recorder, replay = self._gaze.recorder, self._gaze.replay
        if recorder.path is None and replay is None:
            return
        place(imgui.get_io().display_size.x / 2, MARGIN * scale, 0.5, 0.0)
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
