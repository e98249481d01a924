"""Plans of trainings that end in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.training.clock import Pace, check_minutes, plan, step_seconds

SECONDS = st.floats(0.001, 5.0)


@given(SECONDS, SECONDS, SECONDS, st.floats(30, 7200), st.integers(1, 3000))
def test_a_plan_ends_in_time_if_time_is_enough(
    step: float, evaluation: float, picture: float, left: float, pictures: int
) -> None:
    pace = Pace(step, evaluation, picture)
    planned = plan(pace, left, pictures)
    evaluations = -(-planned.steps // planned.evaluate_every)
    work = planned.steps * step + evaluations * evaluation
    if planned.steps > 20:
        assert work + planned.export_s <= left * 1.0001
        # No time is wasted: what is not planned is left for coding and for scenes on the way.
        spare = (left - planned.export_s) * 0.05 + step + evaluation
        assert work + planned.export_s >= left - spare - 1e-6
    assert evaluations <= 20


def test_a_training_has_some_steps_however_little_time_there_is() -> None:
    assert plan(Pace(10.0, 10.0, 1.0), 1.0, 100).steps == 20


def test_a_plan_counts_the_steps_that_were_taken() -> None:
    pace = Pace(0.1, 0.01, 0.01)
    fresh, later = plan(pace, 100, 10), plan(pace, 100, 10, done=500)
    assert later.steps == fresh.steps + 500


def test_a_search_that_would_take_most_of_the_time_is_left_out() -> None:
    assert plan(Pace(0.1, 1.0, 0.01), 600, 100).searches
    slow = plan(Pace(0.1, 30.0, 0.01), 600, 100)
    assert not slow.searches
    assert slow.export_s == pytest.approx(61)


def test_the_first_steps_do_not_count() -> None:
    assert step_seconds([9.0, 3.0, 0.1, 0.12, 0.11]) == pytest.approx(0.11)
    assert step_seconds([9.0]) == 9.0


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_impossible_times_are_refused(minutes: float) -> None:
    with pytest.raises(InputError, match="minutes, not"):
        check_minutes(minutes)
