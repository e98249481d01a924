"""Pictures of a network before its first step."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import erp_angles
from nerv360.training.autoencoder import Autoencoder

HFOV = math.radians(78.1)


def smooth_frame() -> Tensor:
    """1×3×128×256 with nothing finer than a patch."""
    longitude, latitude = erp_angles(128, 256)
    red = 0.5 + 0.3 * torch.cos(longitude).expand(128, 256)
    green = 0.5 + 0.3 * torch.sin(2 * latitude)[:, None].expand(128, 256)
    blue = 0.45 + 0.3 * (torch.sin(2 * longitude) * torch.cos(latitude)[:, None])
    return torch.stack([red, green, blue])[None].float()


def config(architecture: str, **changes: object) -> ModelConfig:
    return ModelConfig(
        architecture=architecture,
        frame_height=128,
        frame_width=256,
        encoder_strides=(8,),
        encoder_channels=8,
        colour_skip=True,
        embedding_channels=3,
        strides=(2, 2, 2),
        kernels=(3, 3, 3) if architecture != "hnerv" else (1, 3, 5),
        blocks=(1, 1, 0),
        channels=24,
        viewport_height=64,
        viewport_width=96,
    ).replace(**changes)


def first_psnr(settings: ModelConfig, colours: Tensor | None = None) -> float:
    """PSNR of an untrained network's picture; ``colours`` (3×3) is applied to the truth."""
    torch.manual_seed(3)
    network = Autoencoder(settings).eval()
    looks = torch.tensor([[0.4, 0.2, 0.0, HFOV]], dtype=torch.float64)
    frame = smooth_frame()
    with torch.no_grad():
        shown = network(frame, torch.zeros(1, dtype=torch.float64), looks)
        truth = network.target(frame, looks)
    if colours is not None:
        truth = torch.einsum("ij,njhw->nihw", colours, truth)
    return -10 * math.log10(float(F.mse_loss(shown, truth)))


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv", "hnerv-boost"])
def test_an_untrained_network_shows_the_frame_blurred(architecture: str) -> None:
    assert first_psnr(config(architecture)) > 27
    assert first_psnr(config(architecture, colour_skip=False)) < 17


def test_channels_beyond_three_keep_their_random_weights() -> None:
    assert first_psnr(config("nerv360", embedding_channels=6)) > 22


def test_one_channel_carries_lightness_alone() -> None:
    grey = torch.full((3, 3), 1 / 3)
    assert first_psnr(config("nerv360", embedding_channels=1), grey) > 22
