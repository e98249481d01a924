"""Quality where it moves: its pixels, their mean, and the median that tells them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nerv360.metrics import moving
from nerv360.metrics.moving import (
    MovingError,
    median_frames,
    moving_error,
    pooled,
    temporal_median,
)
from nerv360.metrics.similarity import ws_psnr

STILL = torch.full((20, 40, 3), 100, dtype=torch.uint8)


def original(pixels: int) -> torch.Tensor:
    """Return the still picture, with so many pixels of its second row in another red."""
    picture = STILL.clone()
    picture[1, :pixels, 0] = 130
    return picture


def test_only_pixels_that_leave_the_median_in_some_colour_count() -> None:
    wanted = original(5)
    wanted[2, :, 1] = 115  # 0.0588 of full scale: under the threshold
    shown = wanted.clone()
    shown[1, 0] += 20
    shown[2:] = 0
    error = moving_error(shown, wanted, STILL)
    assert error.pixels == 5
    assert error.db == pytest.approx(-10 * math.log10((20 / 255) ** 2 / 5))


def test_a_frozen_picture_cannot_hide_behind_what_stands_still() -> None:
    assert moving_error(STILL, original(1), STILL).db == pytest.approx(
        -10 * math.log10((30 / 255) ** 2 / 3), abs=1e-3
    )


def test_squared_errors_are_averaged_before_the_logarithm() -> None:
    one, other = MovingError(0.3, 10.0), MovingError(0.1, 30.0)
    assert pooled([one, other]).db == pytest.approx(20.0)
    assert pooled([MovingError(), one]).db == one.db


def test_where_nothing_moves_there_is_no_number() -> None:
    assert moving_error(STILL // 2, STILL, STILL).db is None
    assert pooled([]).db is None


def test_pictures_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same shape, not \(20, 40, 3\), \(20, 40, 3\), \(10, 4"):
        moving_error(STILL, STILL, STILL[:10])


def test_pixels_of_a_sphere_have_their_areas() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randint(200, 256, (20, 40, 3), generator=generator, dtype=torch.uint8)
    shown = wanted - torch.randint(0, 30, (20, 40, 3), generator=generator, dtype=torch.uint8)
    assert moving_error(shown, wanted, STILL, sphere=True).db == pytest.approx(
        ws_psnr(shown, wanted)
    )
    rows = original(40), original(40).roll(8, 0)
    areas = [moving_error(STILL, row, STILL, sphere=True).pixels for row in rows]
    assert areas[0] == pytest.approx(40 * math.cos(math.pi * 8.5 / 20))
    assert areas[1] == pytest.approx(40 * math.cos(math.pi * 0.5 / 20))


def test_the_shown_picture_is_rounded_as_a_display_does() -> None:
    wanted = original(5).float() / 255
    assert moving_error(wanted + 0.4 / 255, wanted, STILL).db == 100


def test_the_median_is_that_of_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "ROWS_AT_ONCE", 3)
    generator = torch.Generator().manual_seed(0)
    clip = torch.randint(256, (7, 10, 8, 3), generator=generator, dtype=torch.uint8)
    assert np.array_equal(temporal_median(list(clip)).numpy(), np.median(clip.numpy(), 0))
    for count in (1, 2, 6):  # torch takes the lower one of an even number, too
        wanted = clip[:count].median(0).values
        assert torch.equal(temporal_median(list(clip[:count])), wanted)
    ends = torch.tensor([[[[255] * 3]], [[[0] * 3]], [[[255] * 3]]], dtype=torch.uint8)
    assert temporal_median(list(ends)).tolist() == [[[255] * 3]]


@pytest.mark.parametrize(
    ("frames", "wanted"), [(1, [0]), (2, [1]), (3, [0, 1, 2]), (4, [0, 2, 3]), (5, [0, 1, 2, 3, 4])]
)
def test_the_median_is_of_an_odd_number_of_pictures(frames: int, wanted: list[int]) -> None:
    assert median_frames(frames, 1) == wanted


def test_long_and_large_clips_take_no_more_memory() -> None:
    assert len(median_frames(100_000, 3 * 1024 * 512)) == moving.MEDIAN_FRAMES
    large = 3 * 6144 * 3072
    chosen = median_frames(300, large)
    assert len(chosen) == 9
    assert len(chosen) * large <= moving.MEDIAN_BYTES
    assert len(median_frames(300, 10**12)) == 1
