from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.input.camera import Dynamic

SECONDS = st.floats(1e-3, 0.5)


def gliding(**kwargs: float) -> Dynamic:
    return Dynamic(0.0, -1e6, 1e6, friction=5.0, **kwargs)


@given(SECONDS, st.integers(1, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_motion_does_not_depend_on_the_length_of_its_steps(
    seconds: float, pieces: int, velocity: float, drive: float
) -> None:
    once, often = gliding(velocity=velocity), gliding(velocity=velocity)
    once.advance(seconds, drive)
    for _ in range(pieces):
        often.advance(seconds / pieces, drive)
    assert often.offset == pytest.approx(once.offset, abs=1e-4)


def test_a_glide_comes_to_rest_where_the_nudge_aimed() -> None:
    dynamic = gliding()
    dynamic.nudge(0.7)
    for _ in range(300):
        dynamic.advance(1 / 60)
    assert dynamic.offset == pytest.approx(0.7, abs=1e-3)
    assert dynamic.velocity == 0.0


def test_without_inertia_a_nudge_arrives_at_once_and_nothing_glides() -> None:
    dynamic = Dynamic(0.0, -1e6, 1e6)
    dynamic.nudge(0.7)
    assert dynamic.offset == 0.7
    dynamic.advance(0.1, drive=2.0)
    assert dynamic.offset == pytest.approx(0.9)
    dynamic.advance(0.1)
    assert dynamic.offset == pytest.approx(0.9)
    assert dynamic.velocity == 0.0


@given(st.floats(-1e3, 1e3))
def test_a_periodic_value_stays_in_its_period_and_keeps_its_angle(offset: float) -> None:
    dynamic = Dynamic(0.0, -math.pi, math.pi, periodic=True)
    dynamic.place(offset)
    assert -math.pi <= dynamic.offset < math.pi
    assert math.cos(dynamic.offset - offset) == pytest.approx(1.0)


@given(st.floats(-10, 10), st.floats(-50, 50))
def test_a_limit_stops_the_value_and_its_velocity(offset: float, velocity: float) -> None:
    dynamic = Dynamic(0.0, -1.0, 1.0, friction=5.0)
    dynamic.place(offset)
    dynamic.velocity = velocity
    dynamic.advance(5.0)
    assert -1.0 <= dynamic.offset <= 1.0
    if abs(dynamic.offset) == 1.0:
        assert dynamic.velocity == 0.0
