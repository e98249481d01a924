"""Paths between their samples: exact at them, continuous across ±180°, sane near the poles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.geometry import Look, look_from_rotation
from nerv360.trajectories.trajectory import Interpolation, Trajectory, from_rotations


def path(
    time_s: list[float],
    yaw_deg: list[float],
    pitch_deg: list[float] | None = None,
    roll_deg: list[float] | None = None,
    **options: object,
) -> Trajectory:
    count = len(time_s)
    columns = (time_s, yaw_deg, pitch_deg or [0.0] * count, roll_deg or [0.0] * count)
    arrays = [np.array(column, dtype=float) for column in (*columns, [78.1] * count)]
    return Trajectory("test", "test.csv", *arrays, **options)  # type: ignore[arg-type]


def angle_between(a: Look, b: Look) -> float:
    """Degrees between two forward directions."""
    cosine = float(a.rotation()[:, 2] @ b.rotation()[:, 2])
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


angles = st.floats(-400, 400)
looks = st.builds(Look.from_degrees, angles, st.floats(-89, 89), st.floats(-170, 170))


@pytest.mark.parametrize("interpolation", Interpolation)
def test_samples_come_back_unchanged(interpolation: Interpolation) -> None:
    trajectory = path(
        [0.1, 0.3, 0.7], [179.3, 181.1, -3.0], [1.0, 2.0, 3.3], interpolation=interpolation
    )
    for index, time in enumerate(trajectory.time_s):
        look = trajectory.look_at(float(time))
        assert look == Look.from_degrees(
            trajectory.yaw_deg[index], trajectory.pitch_deg[index], 0.0, 78.1
        )


@pytest.mark.parametrize("interpolation", Interpolation)
def test_yaw_passes_180_without_a_jump(interpolation: Interpolation) -> None:
    looks = path([0, 1], [170.0, 190.0], interpolation=interpolation).at_frames(31, 30)
    yaw = np.degrees([look.yaw for look in looks])
    np.testing.assert_allclose(yaw, np.linspace(170, 190, 31), atol=1e-6)


def test_before_and_after_the_path_its_ends_hold() -> None:
    looks = path([1, 2], [10.0, 20.0]).at_frames(5, 1)
    np.testing.assert_allclose(np.degrees([look.yaw for look in looks]), [10, 10, 20, 20, 20])


def test_a_scaled_path_spans_the_clip() -> None:
    trajectory = path([0, 10], [-4.0, 86.0], [3.0, 33.0], scaled=True)
    looks = trajectory.at_frames(600, 60)
    yaw = np.degrees([look.yaw for look in looks])
    np.testing.assert_allclose(yaw, -4 + 90 * np.arange(600) / 599)
    assert math.degrees(trajectory.at_frames(7, 60)[-1].pitch) == pytest.approx(33)
    assert math.degrees(trajectory.at_frames(1, 60)[0].yaw) == pytest.approx(-4)


@given(looks, looks, st.floats(0, 1))
def test_turning_keeps_to_the_great_turn(start: Look, end: Look, weight: float) -> None:
    rotations = [start.rotation(), end.rotation()]
    trajectory = from_rotations("test", "test", np.array([0.0, 1.0]), rotations)
    whole = _turn(trajectory.look_at(0.0), trajectory.look_at(1.0))
    if whole > 179:  # half a turn has no unique axis
        return
    middle = trajectory.look_at(weight)
    assert _turn(trajectory.look_at(0.0), middle) == pytest.approx(weight * whole, abs=1e-4)
    assert _turn(middle, trajectory.look_at(1.0)) == pytest.approx((1 - weight) * whole, abs=1e-4)


def _turn(a: Look, b: Look) -> float:
    cosine = (float(np.trace(a.rotation().T @ b.rotation())) - 1) / 2
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def test_over_the_pole_the_view_moves_steadily() -> None:
    """From 80° up ahead to 80° up behind is 20° across the zenith, not half a turn."""
    down_and_up = [Look.from_degrees(0, 80).rotation(), Look.from_degrees(180, 80, 180).rotation()]
    trajectory = from_rotations("test", "test", np.array([0.0, 1.0]), down_and_up)
    looks = [trajectory.look_at(t) for t in np.linspace(0, 1, 21)]
    steps = [angle_between(a, b) for a, b in itertools.pairwise(looks)]
    np.testing.assert_allclose(steps, 1.0, atol=1e-5)


def test_a_recording_is_replayed_with_its_own_frames() -> None:
    trajectory = path([0, 0.5, 1.0], [0.0, 5.0, 10.0], frame=np.array([7, 7, 2]))
    steps = trajectory.steps(frames=8, fps=4)
    assert [step.frame for step in steps] == [7, 7, 7, 7, 2]
    np.testing.assert_allclose(np.degrees([s.look.yaw for s in steps]), [0, 2.5, 5, 7.5, 10])
    assert steps == trajectory.steps(frames=8, fps=4)
    with pytest.raises(InputError, match="shows frame 7 but the clip has only 7 frames"):
        trajectory.steps(frames=7, fps=4)


def test_other_paths_follow_the_clip_once() -> None:
    steps = path([0, 1], [0.0, 30.0]).steps(frames=3, fps=2)
    assert [step.frame for step in steps] == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"time_s": [], "yaw_deg": []}, "holds no look"),
        ({"time_s": [1.0, 0.5], "yaw_deg": [0.0, 0.0]}, "time that falls"),
        ({"time_s": [-1.0, 0.5], "yaw_deg": [0.0, 0.0]}, "starts before time 0"),
        ({"time_s": [0.0], "yaw_deg": [math.nan]}, "yaw_deg that is not a finite number"),
        ({"time_s": [math.inf], "yaw_deg": [0.0]}, "time_s that is not a finite number"),
        ({"time_s": [0.0], "yaw_deg": [1e9]}, "angle beyond"),
        ({"time_s": [1e9], "yaw_deg": [0.0]}, "time beyond"),
        ({"time_s": [0.0], "yaw_deg": [0.0], "pitch_deg": [90.1]}, "pitch that is not within"),
        ({"time_s": [0.0], "yaw_deg": [0.0], "frame": np.array([-1])}, "negative frame"),
    ],
)
def test_what_is_no_path_is_refused(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        path(**wrong)  # type: ignore[arg-type]


@given(st.lists(looks, min_size=1, max_size=8))
def test_many_rotations_give_the_looks_that_single_ones_give(given_looks: list[Look]) -> None:
    turned = [*given_looks, Look.from_degrees(30, 90), Look.from_degrees(-40, -90)]
    rotations = np.array([look.rotation() for look in turned])
    read = from_rotations("test", "test", np.arange(float(len(turned))), rotations)
    for index, rotation in enumerate(rotations):
        yaw, pitch, roll, _ = look_from_rotation(rotation).degrees()
        assert math.remainder(read.yaw_deg[index] - yaw, 360) == pytest.approx(0, abs=1e-9)
        assert read.pitch_deg[index] == pytest.approx(pitch, abs=1e-9)
        assert read.roll_deg[index] == pytest.approx(roll, abs=1e-9)


def test_a_path_of_more_than_nine_hours_at_sixty_looks_a_second_is_one() -> None:
    count = 2_000_001
    zeros, times = np.zeros(count), np.arange(count) / 60
    trajectory = Trajectory("test", "test", times, zeros, zeros, zeros, zeros + 78.1)
    assert trajectory.duration_s > 9 * 3600
