from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nerv360.geometry import Look, wrap_yaw
from nerv360.viewer.input.camera import MAX_HFOV, MIN_HFOV, Camera, Dynamic
from nerv360.viewer.input.drag import ray_through
from nerv360.viewer.input.keymap import Action

LOOKS = st.builds(
    Look.from_degrees,
    st.floats(-180, 179.9),
    st.floats(-89, 89),
    st.floats(-180, 179),
    st.floats(30, 110),
)
POINTS = st.tuples(st.floats(-1, 1), st.floats(-0.6, 0.6))
SECONDS = st.floats(1e-3, 0.5)


def settle(camera: Camera, seconds: float = 5.0) -> None:
    for _ in range(round(seconds * 60)):
        camera.advance(1 / 60)


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


@given(LOOKS, st.lists(POINTS, min_size=2, max_size=30))
def test_the_point_stays_in_hand_through_a_whole_drag(
    look: Look, points: list[tuple[float, float]]
) -> None:
    assume(abs(look.pitch) < math.radians(45))
    small = [(0.3 * x, 0.3 * y) for x, y in points]
    camera = Camera(inertia=False)
    camera.look_at(look)
    camera.press(small[0])
    anchor = look.rotation() @ ray_through(small[0], look.hfov)
    for point in small[1:]:
        camera.move(point)
        camera.advance(1 / 60)
        now = camera.look()
        if abs(now.pitch) < math.radians(60) and abs(anchor[1]) < 0.7:
            assert angle(now.rotation() @ ray_through(point, now.hfov), anchor) < 1e-6


def test_dragging_to_the_right_and_down_turns_left_and_up() -> None:
    camera = Camera(inertia=False)
    camera.press((0.0, 0.0))
    camera.move((0.3, -0.2))
    assert camera.look().yaw < 0
    assert camera.look().pitch > 0


def test_zooming_while_dragging_keeps_the_point_in_hand() -> None:
    camera = Camera(inertia=True)
    point = (0.4, 0.2)
    anchor = camera.look().rotation() @ ray_through(point, camera.look().hfov)
    camera.press(point)
    camera.zoom(3)
    settle(camera, 1.0)
    now = camera.look()
    assert now.hfov < Look().hfov
    assert angle(now.rotation() @ ray_through(point, now.hfov), anchor) < 1e-6


def test_a_throw_glides_on_and_comes_to_rest() -> None:
    camera = Camera(inertia=True)
    camera.press((0.0, 0.0))
    for i in range(1, 10):
        camera.move((-0.03 * i, 0.0))
        camera.advance(1 / 60)
    camera.release()
    released = camera.look().yaw
    assert camera.yaw.velocity > 0
    settle(camera)
    assert wrap_yaw(camera.look().yaw - released) > math.radians(5)
    assert camera.yaw.velocity == camera.pitch.velocity == camera.roll.velocity == 0.0
    assert camera.speed == 0.0


def test_a_hand_that_rests_before_it_lets_go_throws_nothing() -> None:
    camera = Camera(inertia=True)
    camera.press((0.0, 0.0))
    camera.move((-0.3, 0.0))
    settle(camera, 1.0)
    camera.release()
    released = camera.look().yaw
    settle(camera)
    assert camera.look().yaw == pytest.approx(released, abs=1e-4)


def test_without_inertia_nothing_moves_after_the_hand() -> None:
    camera = Camera(inertia=False)
    camera.press((0.0, 0.0))
    for i in range(1, 10):
        camera.move((-0.03 * i, 0.0))
        camera.advance(1 / 60)
    camera.release()
    released = camera.look()
    settle(camera)
    assert camera.look() == released


def test_switching_inertia_off_stops_a_glide() -> None:
    camera = Camera(inertia=True)
    camera.yaw.velocity = 1.0
    camera.inertia = False
    camera.advance(0.5)
    assert camera.look().yaw == 0.0


@pytest.mark.parametrize("inertia", [True, False])
@pytest.mark.parametrize(
    ("action", "name", "sign"),
    [
        (Action.TURN_LEFT, "yaw", -1),
        (Action.TURN_RIGHT, "yaw", 1),
        (Action.TURN_UP, "pitch", 1),
        (Action.TURN_DOWN, "pitch", -1),
        (Action.ROLL_LEFT, "roll", -1),
        (Action.ROLL_RIGHT, "roll", 1),
    ],
)
def test_a_held_key_moves_its_own_coordinate(
    action: Action, name: str, sign: int, inertia: bool
) -> None:
    camera = Camera(inertia)
    camera.hold(action)
    settle(camera, 0.4)
    moved = camera.look()
    for other in ("yaw", "pitch", "roll"):
        value = getattr(moved, other) * (sign if other == name else 1)
        assert value > math.radians(3) if other == name else value == 0.0
    camera.let_go(action)
    settle(camera)
    assert camera.yaw.velocity == camera.pitch.velocity == camera.roll.velocity == 0.0


def test_pitch_stops_at_the_zenith_and_yaw_wraps() -> None:
    camera = Camera(inertia=False)
    camera.hold(Action.TURN_UP)
    settle(camera, 10)
    assert camera.look().pitch == math.pi / 2
    camera.reset()
    camera.hold(Action.TURN_RIGHT)
    for _ in range(2000):
        camera.advance(1 / 60)
        assert -math.pi <= camera.look().yaw < math.pi


@given(st.lists(st.floats(-5, 5), max_size=40), st.booleans())
def test_zoom_keeps_its_limits(steps: list[float], inertia: bool) -> None:
    camera = Camera(inertia)
    for step in steps:
        camera.zoom(step)
        camera.advance(1 / 30)
        assert MIN_HFOV <= camera.look().hfov <= MAX_HFOV


def test_zoom_reaches_both_limits() -> None:
    camera = Camera(inertia=False)
    for steps, limit in ((50, MIN_HFOV), (-50, MAX_HFOV)):
        for _ in range(abs(steps)):
            camera.zoom(math.copysign(1, steps))
        assert camera.look().hfov == limit


def test_reset_looks_ahead_and_lets_go() -> None:
    camera = Camera()
    camera.look_at(Look.from_degrees(100, 40, 30, 50))
    camera.press((0.1, 0.1))
    camera.reset()
    settle(camera, 0.2)
    assert camera.look() == Look()
    assert not camera.dragging


def test_losing_the_keyboard_lets_go_of_everything() -> None:
    camera = Camera(inertia=False)
    camera.hold(Action.TURN_LEFT)
    camera.press((0.0, 0.0))
    camera.let_go_all()
    settle(camera, 0.5)
    assert camera.look() == Look()


def test_speed_is_the_angle_turned_a_second() -> None:
    camera = Camera(inertia=False)
    camera.hold(Action.TURN_RIGHT)
    camera.advance(0.1)
    assert camera.speed == pytest.approx(camera.look().yaw / 0.1)


def test_a_long_step_moves_keys_by_a_tenth_of_a_second_and_feels_the_hand_truly() -> None:
    camera = Camera(inertia=False)
    camera.hold(Action.TURN_RIGHT)
    camera.advance(0.1)
    expected = camera.look().yaw
    camera.reset()
    camera.advance(3.0)
    assert camera.look().yaw == pytest.approx(expected), "the picture does not leap"
    assert camera.speed == pytest.approx(expected / 3.0)
    camera.let_go(Action.TURN_RIGHT)
    thrown = []
    for seconds in (0.1, 1.0):
        camera = Camera(inertia=True)
        camera.press((0.0, 0.0))
        camera.move((-0.3, 0.0))
        camera.advance(seconds)
        thrown.append(camera.yaw.velocity * seconds)
    assert thrown[1] < thrown[0] * 1.2, "the way of a whole second is not that of a tenth"


def gliding(velocity: float = 0.0) -> Dynamic:
    return Dynamic(0.0, -1e6, 1e6, friction=5.0, velocity=velocity)


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
