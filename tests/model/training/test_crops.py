"""A crop decodes to just what the whole frame has there."""

from __future__ import annotations

import math

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.crops import crop_at, reach

CONFIG = ModelConfig(
    architecture="hnerv",
    frame_height=128,
    frame_width=256,
    encoder_strides=(4, 2),
    encoder_channels=6,
    embedding_channels=2,
    strides=(2, 2, 2),
    kernels=(1, 3, 5),
    blocks=(1, 1, 0),
    channels=12,
    min_width=6,
    viewport_height=48,
    viewport_width=80,
)


@pytest.mark.parametrize("padding", ["wrap", "zeros"])
@pytest.mark.parametrize("architecture", ["hnerv", "hnerv-boost"])
@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg"), [(0, 0), (37, -20), (-179, 5), (178, 88), (90, -90), (120, 25)]
)
def test_a_crop_is_the_same_as_in_the_whole_frame(
    architecture: str, yaw_deg: float, pitch_deg: float, padding: str
) -> None:
    torch.manual_seed(1)
    config = CONFIG.replace(architecture=architecture, erp_padding=padding)
    network = Autoencoder(config, crops=True)
    frame, time = torch.rand(1, 3, 128, 256), torch.zeros(1, dtype=torch.float64)
    look = [math.radians(yaw_deg), math.radians(pitch_deg), 0.0, 1.3]
    looks = torch.tensor([look], dtype=torch.float64)
    with torch.no_grad():
        part, truth = network.train()(frame, time, looks), network.target(frame, looks)
        whole = network.eval()(frame, time, looks)
    crop = crop_at(network.config, looks[0])
    assert crop is not None
    assert part.shape == truth.shape == (1, 3, 48, 80)
    rows = torch.arange(48) + 8 * crop.top
    beyond = 8 * crop.margin
    # Of the poles, where features wrap across them.
    clear = (rows >= beyond) & (rows < 128 - beyond) | (padding == "zeros")
    assert clear.sum() >= 8
    assert torch.allclose(part[..., clear, :], crop.frame(whole)[..., clear, :], atol=1e-5)
    assert torch.equal(truth, crop.frame(frame))


def test_looks_are_in_the_middle_of_their_crops() -> None:
    crop = crop_at(CONFIG, torch.tensor([math.radians(90), 0.0, 0.0, 1.3]))
    assert crop is not None
    assert crop.left + crop.width / 2 == 0.75 * 32
    assert crop.top + crop.height / 2 == 8
    across = crop_at(CONFIG, torch.tensor([math.pi, 0.0, 0.0, 1.3]))
    assert across is not None
    assert across.left + across.width / 2 == 32, "half of it lies beyond the seam"


def test_without_a_seam_to_cross_crops_stay_in_the_frame() -> None:
    flat = CONFIG.replace(erp_padding="zeros")
    lefts = []
    for yaw_deg in (-180, -175, 0, 175, 180):
        crop = crop_at(flat, torch.tensor([math.radians(yaw_deg), 0.0, 0.0, 1.3]))
        assert crop is not None
        lefts.append(crop.left)
    assert lefts == [0, 0, 11, 22, 22]


def test_the_reach_grows_with_kernels_and_blocks() -> None:
    assert reach(CONFIG) == 2  # 0 + 1/2 + 2/4 + 1/8
    assert reach(CONFIG.replace(architecture="hnerv-boost")) == 5  # 2 + 1 + 1/2 + 1/2 + 1/2 + 1/8


def test_where_a_crop_does_not_fit_whole_frames_are_trained() -> None:
    assert crop_at(CONFIG.replace(viewport_width=248), torch.zeros(4)) is None
    flat = CONFIG.replace(erp_padding="zeros")
    assert crop_at(flat.replace(viewport_width=264), torch.zeros(4)) is None
