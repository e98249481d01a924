"""Drags: the point stays under the hand, and near a pole, where it cannot, the view stays calm."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.geometry import Look, wrap_yaw
from nerv360.viewer.input.camera import Camera
from nerv360.viewer.input.drag import LARGEST_GAIN, Point, ray_through

Path = list[Point]

POINTS = st.tuples(st.floats(-1, 1), st.floats(-0.6, 0.6))
STEPS = st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
ANY_LOOK = st.builds(
    Look.from_degrees,
    st.floats(-180, 179.9),
    st.one_of(st.floats(-90, 90), st.floats(85, 90), st.floats(-90, -85)),
    st.floats(-180, 179),
    st.floats(30, 110),
)


def hand_path(start: Point, steps: list[tuple[float, float]]) -> Path:
    """Small steps from ``start``, within the window."""
    path = [start]
    for x, y in steps:
        path.append(
            (float(np.clip(path[-1][0] + x, -1, 1)), float(np.clip(path[-1][1] + y, -1, 1)))
        )
    return path


def line(start: Point, end: Point, steps: int) -> Path:
    a, b = np.array(start), np.array(end)
    return [tuple((a + (b - a) * k / steps).tolist()) for k in range(steps + 1)]


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


def dragging(look: Look, start: Point) -> Camera:
    camera = Camera(inertia=False)
    camera.look_at(look)
    camera.press(start)
    return camera


def under(look: Look, point: Point) -> np.ndarray:
    """World direction of what ``look`` shows at ``point``."""
    return look.rotation() @ ray_through(point, look.hfov)


def moved(hfov: float, start: Point, end: Point) -> float:
    """Radians between two places of the hand."""
    return angle(ray_through(start, hfov), ray_through(end, hfov))


@given(ANY_LOOK, st.lists(POINTS, min_size=2, max_size=12))
def test_the_view_turns_by_no_more_than_four_times_what_the_hand_moves(
    look: Look, path: Path
) -> None:
    camera = dragging(look, path[0])
    for start, end in itertools.pairwise(path):
        before = camera.look()
        camera.move(end)
        after = camera.look()
        allowed = LARGEST_GAIN * moved(look.hfov, start, end) + 1e-9
        assert abs(wrap_yaw(after.yaw - before.yaw)) <= allowed
        assert abs(after.pitch - before.pitch) <= allowed
        assert (after.roll, after.hfov) == (before.roll, before.hfov)


@given(ANY_LOOK, POINTS, st.lists(STEPS, min_size=1, max_size=30))
def test_what_was_under_the_hand_never_gets_further_from_it_than_if_nothing_moved(
    look: Look, start: Point, steps: list[tuple[float, float]]
) -> None:
    path = hand_path(start, steps)
    camera = dragging(look, path[0])
    for before, after in itertools.pairwise(path):
        held = under(camera.look(), before)
        still = angle(under(camera.look(), after), held)
        camera.move(after)
        assert angle(under(camera.look(), after), held) <= still + 1e-7


@given(
    st.builds(
        Look.from_degrees,
        st.floats(-180, 179.9),
        st.floats(-70, 70),
        st.floats(-180, 179),
        st.floats(30, 110),
    ),
    POINTS,
    st.lists(STEPS, min_size=1, max_size=30),
)
def test_away_from_the_poles_the_point_stays_in_hand(
    look: Look, start: Point, steps: list[tuple[float, float]]
) -> None:
    path = hand_path(start, steps)
    camera = dragging(look, path[0])
    held = under(look, path[0])
    for point in path:
        # Up to 60° of latitude and 45° beside the middle, yaw needs a gain of 2.8 at the most.
        now = camera.look()
        seen = under(now, point)
        beside = wrap_yaw(math.atan2(-seen[2], seen[0]) - now.yaw)
        level = math.hypot(seen[0], seen[2])
        if level < 0.5 or abs(beside) > math.radians(45) or abs(now.pitch) > math.radians(85):
            return
        camera.move(point)
        assert angle(under(camera.look(), point), held) < 1e-6


@given(ANY_LOOK, POINTS)
def test_a_hand_that_does_not_move_moves_nothing(look: Look, point: Point) -> None:
    camera = dragging(look, point)
    before = camera.look()
    for _ in range(3):
        camera.move(point)
        camera.advance(1 / 60)
    assert camera.look().pitch == pytest.approx(before.pitch, abs=1e-12)
    assert wrap_yaw(camera.look().yaw - before.yaw) == pytest.approx(0, abs=1e-12)


ACROSS = [
    (Look.from_degrees(0, 88), (-0.2, 0.01), (0.2, 0.01)),
    (Look.from_degrees(30, 85), (-0.2, 0.1), (0.2, 0.1)),
    (Look.from_degrees(-170, -88, 20), (0.3, -0.05), (-0.3, 0.0)),
    (Look.from_degrees(0, 90), (0.4, 0.02), (-0.4, 0.02)),
    (Look.from_degrees(0, 80), (0.01, 0.3), (0.01, -0.3)),
]


@pytest.mark.parametrize(("look", "start", "end"), ACROSS)
def test_a_drag_across_a_pole_is_smooth_in_however_many_events_it_comes(
    look: Look, start: Point, end: Point
) -> None:
    ends = []
    for steps in (100, 400):
        path = line(start, end, steps)
        camera = dragging(look, start)
        turns = []
        for point in path[1:]:
            before = camera.look().yaw
            camera.move(point)
            turns.append(math.degrees(wrap_yaw(camera.look().yaw - before)))
        assert max(map(abs, turns)) < 180 / steps, "in 100 steps no more than 2° in one"
        ends.append(camera.look())
    turned = math.degrees(wrap_yaw(ends[0].yaw - ends[1].yaw))
    assert abs(turned) < 3, "however many events the hand's way comes in"
    assert math.degrees(abs(ends[0].pitch - ends[1].pitch)) < 1


@pytest.mark.parametrize(("look", "start", "end"), ACROSS[:2])
def test_back_and_forth_beside_a_pole_ends_where_it_began(
    look: Look, start: Point, end: Point
) -> None:
    there = line(start, end, 100)
    camera = dragging(look, start)
    for point in (*there, *there[::-1]):
        camera.move(point)
    now = camera.look()
    assert angle(now.rotation()[:, 2], look.rotation()[:, 2]) < math.radians(0.5)
    assert math.degrees(abs(wrap_yaw(now.yaw - look.yaw))) < 5


def test_down_beyond_the_zenith_the_picture_does_not_turn_round() -> None:
    look = Look.from_degrees(0, 80)
    camera = dragging(look, (0.0, 0.3))
    for point in line((0.0, 0.3), (0.0, -0.5), 80):
        camera.move(point)
    assert camera.look().yaw == pytest.approx(0, abs=1e-6)
    assert camera.look().pitch == math.pi / 2
    camera.move((0.0, -0.45))
    assert camera.look().pitch < math.pi / 2, "and the way back begins at once"


def test_a_point_at_the_zenith_can_be_pulled_to_the_middle() -> None:
    """Straight up, a hand that pulls a point inwards turns the view down towards that point."""
    camera = dragging(Look.from_degrees(0, 90), (0.4, 0.0))
    for point in line((0.4, 0.0), (0.0, 0.0), 40):
        camera.move(point)
    assert camera.look().pitch < math.radians(82)
