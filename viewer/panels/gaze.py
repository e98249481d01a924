"""What the screen says of the path that is recorded or followed."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.panels.panels import MARGIN, PASSIVE, GazeFacts, clock, place
from viewer.panels.theme import QUIET, RECORDING, colour


def gaze(facts: GazeFacts, scale: float) -> None:
    """A red dot and the elapsed time, and the path that leads, at the top."""
    if facts.recorded_s is None and facts.followed is None:
        return
    place(imgui.get_io().display_size.x / 2, MARGIN * scale, 0.5, 0.0)
    imgui.begin("gaze", None, PASSIVE | imgui.WindowFlags_.always_auto_resize)
    if facts.recorded_s is not None:
        line, corner = imgui.get_text_line_height(), imgui.get_cursor_screen_pos()
        centre = ImVec2(corner.x + line / 2, corner.y + line / 2)
        imgui.get_window_draw_list().add_circle_filled(centre, line * 0.36, colour(RECORDING))
        imgui.dummy(ImVec2(line, line))
        imgui.same_line()
        imgui.text(f"Recording {clock(facts.recorded_s)}")
    if facts.followed is not None:
        name, seconds, duration = facts.followed
        imgui.text_colored(QUIET, "Following")
        imgui.same_line()
        imgui.text(f"{name}  {clock(seconds)} / {clock(duration)}")
    imgui.end()
