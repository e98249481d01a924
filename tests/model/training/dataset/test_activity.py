"""Looks go where things move; a clip that stands still is told from one whose camera turns."""

from __future__ import annotations

import math

import pytest
import torch

from nerv360.config import DEMO
from nerv360.training.dataset import ActivityMap, ClipFrames, random_looks, still_shares
from nerv360.video.reading import VideoInfo
from tests.support.spheres import smooth_sphere

SIZE = (128, 256)
COUNT = 8


def clip(pictures: list[torch.Tensor]) -> ClipFrames:
    return ClipFrames(torch.stack(pictures), VideoInfo(SIZE[1], SIZE[0], 30.0, len(pictures)))


@pytest.fixture
def boat() -> ClipFrames:
    """Return a still sphere with one small thing, in frame k at longitude 45°·k − 180°."""
    pictures = [smooth_sphere(*SIZE) for _ in range(COUNT)]
    for index, picture in enumerate(pictures):
        picture[56:72, 32 * index : 32 * index + 16] = 255
    return clip(pictures)


def test_looks_are_drawn_towards_what_moves(boat: ClipFrames) -> None:
    activity = ActivityMap(boat, boat.still_bytes())
    for frame in (1, 5):
        weights = activity.weights(frame)
        assert weights is not None
        assert float(weights.sum()) == pytest.approx(1)
        looks = random_looks(DEMO, 64, 0, frame, (1.0, weights))
        longitude = math.radians(-180 + 45 * frame + 11)
        apart = torch.remainder(looks[:, 0] - longitude + math.pi, 2 * math.pi) - math.pi
        assert float(apart.abs().max()) < math.radians(78.1 * 1.15 / 4 + 20)
        assert float(looks[:, 1].abs().max()) < math.radians(30)
        assert torch.equal(looks, random_looks(DEMO, 64, 0, frame, (1.0, weights)))


def test_the_others_stay_uniform(boat: ClipFrames) -> None:
    weights = ActivityMap(boat, boat.still_bytes()).weights(1)
    assert weights is not None
    drawn = random_looks(DEMO, 256, 0, 3, (0.5, weights))
    uniform = random_looks(DEMO, 256, 0, 3)
    same = (drawn == uniform).all(1).double().mean()
    assert 0.35 < float(same) < 0.65


def test_nothing_moves_in_a_frame_that_is_the_still_panorama() -> None:
    frames = clip([smooth_sphere(*SIZE)] * 3)
    assert ActivityMap(frames, frames.still_bytes()).weights(0) is None
    assert still_shares(frames).sphere == pytest.approx(1, abs=1e-4)


def test_a_turning_camera_leaves_little_still(boat: ClipFrames) -> None:
    turning = clip([smooth_sphere(*SIZE).roll(32 * k, 1) for k in range(COUNT)])
    assert still_shares(turning).sphere < 0.4
    assert still_shares(boat).sphere > 0.9
