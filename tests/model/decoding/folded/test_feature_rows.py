"""The rows that a look reads, and the plan of which to compute."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.decoding.folded.feature_rows import RowPlan, sampled_rows
from model.decoding.looks import look_tensor
from model.geometry import Look, sample_padded, viewport_grid
from model.networks import build_decoder
from tests.support.scenes import TINY

HEIGHT, WIDTH = 64, 128
NETWORK = build_decoder(TINY)


def grid_of(look: Look) -> torch.Tensor:
    return viewport_grid(look_tensor(look), (27, 48), (HEIGHT + 2, WIDTH + 2))


@given(
    yaw=st.floats(-math.pi, math.pi),
    pitch=st.floats(-math.pi / 2, math.pi / 2),
    hfov=st.floats(0.5, 1.9),
)
def test_no_other_row_is_read(yaw: float, pitch: float, hfov: float) -> None:
    grid = grid_of(Look(yaw, pitch, 0.0, hfov))
    first, end = sampled_rows(grid, HEIGHT)
    assert 0 <= first < end <= HEIGHT
    features = torch.full((1, 1, HEIGHT + 2, WIDTH + 2), torch.nan)
    features[..., first + 1 : end + 1, :] = 1.0
    if first == 0:
        features[..., 0, :] = 1.0
    if end == HEIGHT:
        features[..., -1, :] = 1.0
    assert sample_padded(features, grid).isfinite().all()


def test_a_level_look_reads_the_rows_around_the_horizon() -> None:
    look = Look.from_degrees(20, 0, 0, 78)
    first, end = sampled_rows(grid_of(look), HEIGHT)
    vertical = 2 * math.degrees(math.atan(math.tan(math.radians(39)) * 27 / 48))
    assert end - first < HEIGHT * vertical / 180 + 6
    assert first + end == HEIGHT


def test_a_frame_played_once_gets_the_rows_of_its_look() -> None:
    plan = RowPlan(64)
    for frame in range(3):
        assert plan.missing(frame, (20, 40)) == (20, 40)
        assert plan.missing(frame, (22, 40)) is None


def test_a_look_beyond_gets_every_row_and_so_does_the_next_frame() -> None:
    plan = RowPlan(64)
    assert plan.missing(0, (20, 40)) == (20, 40)
    assert plan.missing(0, (10, 30)) == (0, 64)
    assert plan.missing(0, (50, 64)) is None
    assert plan.missing(1, (20, 40)) == (0, 64)
    assert plan.missing(1, (25, 35)) is None
    assert plan.missing(2, (20, 40)) == (20, 40), "one look was enough in the frame before"


def test_what_is_forgotten_is_computed_again() -> None:
    plan = RowPlan(64)
    plan.missing(0, (20, 40))
    plan.forget()
    assert plan.missing(0, (20, 40)) == (20, 40)
