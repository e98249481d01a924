from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.geometry import Look
from nerv360.viewer.panels.viewport_border import outline


@given(
    st.builds(
        Look.from_degrees,
        st.floats(-180, 180),
        st.floats(-90, 90),
        st.floats(-180, 180),
        st.floats(30, 110),
    )
)
def test_lines_stay_on_the_map_and_break_only_at_its_edges(look: Look) -> None:
    lines = outline(look, 16 / 9)
    for line in lines:
        assert ((line >= 0) & (line <= 1)).all()
        assert (np.abs(np.diff(line[:, 0])) <= 0.5 + 1e-9).all()
    for before, after in itertools.pairwise(lines):
        assert before[-1, 0] in (0.0, 1.0)
        assert after[0, 0] == 1.0 - before[-1, 0]
        assert after[0, 1] == before[-1, 1]
    assert lines[-1][-1] == pytest.approx(lines[0][0])


def test_a_level_view_ahead_is_one_closed_line_around_the_middle() -> None:
    (line,) = outline(Look.from_degrees(0, 0, 0, 90), 2.0)
    assert line[:, 0].min() == pytest.approx(0.5 - 0.125)
    assert line[:, 0].max() == pytest.approx(0.5 + 0.125)
    # Above the horizon the upper border curves: highest in its middle.
    top = math.atan(0.5) / math.pi
    assert line[:, 1].min() == pytest.approx(0.5 - top)
    assert line[0, 1] > 0.5 - top + 0.02


def test_a_view_across_180_degrees_is_drawn_at_both_edges() -> None:
    lines = outline(Look.from_degrees(180, 0, 0, 60), 16 / 9)
    assert len(lines) == 3
    assert any(line[:, 0].max() == 1.0 for line in lines)
    assert any(line[:, 0].min() == 0.0 for line in lines)


def test_a_view_of_the_zenith_goes_all_around() -> None:
    columns = np.concatenate([line[:, 0] for line in outline(Look.from_degrees(0, 90), 1.0)])
    assert columns.min() == 0.0
    assert columns.max() == 1.0
