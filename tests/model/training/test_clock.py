"""Plans of trainings that end in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.training.clock import Allowance, Durations, check_minutes, plan, step_seconds

SECONDS = st.floats(0.001, 5.0)


@given(st.builds(Durations, *[SECONDS] * 5), st.floats(30, 7200), st.integers(1, 3000))
def test_a_plan_ends_in_time_if_time_is_enough(
    durations: Durations, left: float, pictures: int
) -> None:
    planned = plan(durations, left, pictures)
    evaluations = -(-planned.steps // planned.evaluate_every)
    work = planned.steps * durations.step + evaluations * durations.evaluation
    work += planned.export_s + planned.store_s
    if planned.steps > 20:
        assert work <= left * 1.0001
        # No time is wasted.
        assert work >= left - durations.step - durations.evaluation - 1e-6
    assert planned.store_s >= durations.export_so_far(pictures)
    assert evaluations <= 20


def test_a_training_has_some_steps_however_little_time_there_is() -> None:
    assert plan(Durations(10.0, 10.0, 1.0), 1.0, 100).steps == 20


def test_a_search_that_would_take_most_of_the_time_is_left_out() -> None:
    assert plan(Durations(0.1, 1.0, 0.01), 600, 100).searches
    slow = plan(Durations(0.1, 30.0, 0.01), 600, 100)
    assert not slow.searches
    assert slow.export_s == pytest.approx(61)


def test_time_for_packing_and_for_the_first_scene_on_the_way_is_left() -> None:
    quick = plan(Durations(0.1, 1.0, 0.01), 600, 100)
    packing = plan(Durations(0.1, 1.0, 0.01, coding=0.3), 600, 100)
    assert packing.export_s - quick.export_s == pytest.approx(30)
    assert quick.steps - packing.steps == pytest.approx(300, abs=1)
    assert quick.store_s == pytest.approx(30)
    assert plan(Durations(0.1, 1.0, 0.01, 0.3, 0.5), 600, 100).store_s == pytest.approx(52)


def test_the_first_steps_do_not_count() -> None:
    assert step_seconds([9.0, 3.0, 0.1, 0.12, 0.11]) == pytest.approx(0.11)
    assert step_seconds([9.0]) == 9.0


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_scenes_on_the_way_take_a_small_share_of_the_time(times: list[float]) -> None:
    now = 0.0
    allowance = Allowance(lambda: now)
    assert allowance.allows()
    for seconds in times:
        now += seconds
        allowance.spend(seconds)
        assert not allowance.allows()
        now += 19.9 * seconds
        assert not allowance.allows()
        now += 0.2 * seconds
        assert allowance.allows()


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_impossible_times_are_refused(minutes: float) -> None:
    with pytest.raises(InputError, match="minutes, not"):
        check_minutes(minutes)
