from __future__ import annotations

from itertools import pairwise

from nerv360.viewer.redraw import Redraw


def test_a_change_is_drawn_at_once_and_a_window_at_rest_once_a_second() -> None:
    now, drawn = 100.0, list[int]()
    redraw = Redraw(lambda: now)
    for frame in range(300):
        now = 100 + frame / 64
        state = min(frame, 64)  # it moves for a second
        if redraw.is_due(state):
            redraw.note(state)
            drawn.append(frame)
    assert drawn[:65] == list(range(65))
    gaps = [after - before for before, after in pairwise(drawn[64:])]
    assert gaps[:9] == [7] * 9, "ten times a second for a second"
    assert gaps[-2:] == [65, 65]
    assert redraw.resting
    assert redraw.is_due("something else")
    assert not redraw.resting
