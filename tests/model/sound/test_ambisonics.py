"""Directions of ambisonics, and the axioms of their rotation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.geometry import Look
from nerv360.sound import ear_gains, mixed, rotation

RIGHT = math.pi / 2
AHEAD = Look()
looks = st.builds(Look, st.floats(-7.0, 7.0), st.floats(-1.57, 1.57), st.floats(-7.0, 7.0))


def source(yaw: float, pitch: float = 0.0) -> npt.NDArray[np.float64]:
    """W, Y, Z, X of a sound of amplitude 1 at yaw (to the right) and pitch."""
    left, up = -math.sin(yaw) * math.cos(pitch), math.sin(pitch)
    return np.array([1.0, left, up, math.cos(yaw) * math.cos(pitch)])


def heard(sound: npt.NDArray[np.float64], look: Look) -> tuple[float, float]:
    """Amplitudes in the left and the right ear."""
    left, right = np.abs(sound @ ear_gains(look))
    return float(left), float(right)


def test_a_source_on_the_right_is_louder_on_the_right() -> None:
    left, right = heard(source(RIGHT), AHEAD)
    assert right > 10 * left


def test_a_source_is_in_front_when_looking_at_it() -> None:
    left, right = heard(source(RIGHT), Look(RIGHT))
    assert left == pytest.approx(right, rel=1e-5)
    behind = heard(source(RIGHT), Look(-RIGHT))
    assert behind[0] == pytest.approx(behind[1], rel=1e-5)
    assert left > 1.5 * behind[0]


def test_a_source_above_is_on_the_left_of_a_head_that_leans_to_the_right() -> None:
    left, right = heard(source(0.0, RIGHT), Look(roll=RIGHT))
    assert left > 10 * right


def test_a_source_above_is_in_front_when_looking_up() -> None:
    turned = rotation(Look(0.7, RIGHT)) @ source(0.0, RIGHT)
    assert turned == pytest.approx([1, 0, 0, 1], abs=1e-12)


@given(looks)
def test_what_is_looked_at_is_ahead(look: Look) -> None:
    assert rotation(look) @ source(look.yaw, look.pitch) == pytest.approx([1, 0, 0, 1], abs=1e-9)


@given(looks)
def test_a_turn_by_360_degrees_changes_nothing(look: Look) -> None:
    turned = Look(look.yaw - math.tau, look.pitch, look.roll + math.tau)
    assert ear_gains(look) == pytest.approx(ear_gains(turned), abs=1e-6)


@given(looks)
def test_rotation_keeps_energy_and_is_undone_by_its_transpose(look: Look) -> None:
    turn = rotation(look)
    assert turn @ turn.T == pytest.approx(np.eye(4), abs=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    energy = (ear_gains(look) ** 2).sum(0)
    assert energy == pytest.approx((ear_gains(AHEAD) ** 2).sum(0), rel=1e-5)


def test_gains_change_without_a_step() -> None:
    block = np.ones((480, 4), np.float32)
    before, after = ear_gains(AHEAD), ear_gains(Look(RIGHT))
    heard = mixed(block, before, after)
    assert heard[0] == pytest.approx(block[0] @ before, abs=0.01)
    assert heard[-1] == pytest.approx(block[0] @ after, abs=1e-6)
    assert np.abs(np.diff(heard, axis=0)).max() < 0.01
