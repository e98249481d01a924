"""The crop that a look reads, and the plan of which to compute."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerv360.decoding.folded.feature_crop import CropPlan, FeatureCrop, sampled_crop
from nerv360.decoding.looks import look_tensor
from nerv360.geometry import Look, pad_erp, sample_padded, viewport_grid

HEIGHT, WIDTH = SIZE = 64, 128
WHOLE = FeatureCrop.whole(SIZE)


def grid_of(look: Look) -> torch.Tensor:
    return viewport_grid(look_tensor(look), (27, 48), (HEIGHT + 2, WIDTH + 2))


def crop(rows: tuple[int, int], columns: tuple[int, int] = (30, 50)) -> FeatureCrop:
    return FeatureCrop.of(SIZE, rows, columns)


@given(
    yaw=st.floats(-math.pi, math.pi),
    pitch=st.floats(-math.pi / 2, math.pi / 2),
    hfov=st.floats(0.5, 1.9),
)
def test_nothing_else_is_read(yaw: float, pitch: float, hfov: float) -> None:
    grid = grid_of(Look(yaw, pitch, 0.0, hfov))
    features = torch.full((1, 1, HEIGHT, WIDTH), torch.nan)
    for rows, columns in sampled_crop(grid, SIZE).pieces(0):
        features[..., rows, columns] = 1.0
    assert sample_padded(pad_erp(features, 1), grid).isfinite().all()


@pytest.mark.parametrize("yaw", [20.0, 90.0, -179.0, 180.0, 150.0])
def test_a_level_look_reads_what_is_around_it(yaw: float) -> None:
    seen = sampled_crop(grid_of(Look.from_degrees(yaw, 0, 0, 78)), SIZE)
    vertical = 2 * math.degrees(math.atan(math.tan(math.radians(39)) * 27 / 48))
    assert seen.rows[1] - seen.rows[0] < HEIGHT * vertical / 180 + 6
    assert sum(seen.rows) == HEIGHT
    assert seen.columns[1] - seen.columns[0] < WIDTH * 78 / 360 + 6
    middle = (seen.columns[0] + seen.columns[1]) / 2
    assert abs((middle - WIDTH * (yaw / 360 + 0.5) + 64) % WIDTH - 64) <= 1


@pytest.mark.parametrize("pitch", [90.0, 70.0, -75.0])
def test_a_look_at_a_pole_reads_all_columns(pitch: float) -> None:
    assert sampled_crop(grid_of(Look.from_degrees(20, pitch)), SIZE).columns == (0, WIDTH)


@pytest.mark.parametrize(
    ("outer", "inner", "within"),
    [
        ((30, 50), (30, 50), True),
        ((30, 50), (29, 40), False),
        ((30, 50), (40, 51), False),
        ((120, 140), (2, 12), True),
        ((120, 140), (2, 13), False),
        ((120, 140), (121, 135), True),
        ((100, 128), (0, 5), False),
        ((0, 128), (120, 140), True),
        ((1, 128), (0, 128), False),
    ],
)
def test_columns_are_in_others_across_the_seam(
    outer: tuple[int, int], inner: tuple[int, int], within: bool
) -> None:
    assert crop((20, 40), outer).has_columns(crop((20, 40), inner)) == within


def test_a_frame_played_once_gets_the_window_of_its_look() -> None:
    plan = CropPlan(SIZE)
    for frame in range(3):
        assert plan.missing(frame, crop((20, 40))) == crop((20, 40))
        assert plan.missing(frame, crop((22, 40), (35, 45))) is None


def test_a_look_beyond_gets_every_row_and_so_does_the_next_frame() -> None:
    plan = CropPlan(SIZE)
    assert plan.missing(0, crop((20, 40))) == crop((20, 40))
    assert plan.missing(0, crop((10, 30))) == WHOLE
    assert plan.missing(0, crop((50, 64))) is None
    assert plan.missing(1, crop((20, 40))) == WHOLE
    assert plan.missing(1, crop((25, 35))) is None
    assert plan.missing(2, crop((20, 40))) == crop((20, 40)), "one look was enough before"


def test_a_look_beside_gets_every_column_and_so_does_the_next_frame() -> None:
    plan = CropPlan(SIZE)
    plan.missing(0, crop((20, 40)))
    every = crop((20, 40), (0, WIDTH))
    assert plan.missing(0, crop((25, 40), (120, 140))) == every
    assert plan.missing(0, crop((25, 40), (60, 80))) is None
    assert plan.missing(1, crop((22, 42))) == crop((22, 42), (0, WIDTH))
    assert plan.missing(1, crop((22, 42), (60, 80))) is None
    assert plan.missing(1, crop((20, 40))) == WHOLE
    assert plan.missing(2, crop((20, 40))) == WHOLE


def test_what_is_forgotten_is_computed_again() -> None:
    plan = CropPlan(SIZE)
    plan.missing(0, crop((20, 40)))
    plan.forget()
    assert plan.missing(0, crop((20, 40))) == crop((20, 40))
