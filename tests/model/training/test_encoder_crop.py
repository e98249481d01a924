"""Crops of the frame: a step that encodes no more than its look sees is the same step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nerv360.config import DEMO, ModelConfig
from nerv360.networks import ARCHITECTURES, FrameCrop
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.encoder_crop import encoded_crop
from tests.support.spheres import smooth_sphere

CONFIG = DEMO.replace(
    frame_height=256, frame_width=512, viewport_height=104, viewport_width=184, channels=8
)
LOOKS = [
    (0, 0), (180, 0), (-179, 20), (90, -35), (12, 52), (-60, 66), (0, 90), (130, -90), (45, -72),
    (-135, 40),
]  # fmt: skip


def look(yaw: float, pitch: float, hfov: float = 78.1) -> Tensor:
    values = [[math.radians(v) for v in (yaw, pitch, 0.0, hfov)]]
    return torch.tensor(values, dtype=torch.float64)


def step(
    config: ModelConfig, looks: Tensor, *, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Tensor, Tensor, Tensor]:
    """Picture, target, and the gradient of the encoder's first layer."""
    torch.manual_seed(0)
    network = Autoencoder(config, crops=True).train()
    rows, columns = config.embedding_size
    if whole:
        everything = FrameCrop(0, 0, rows, columns, rows, columns)
        monkeypatch.setattr("nerv360.training.autoencoder.encoded_crop", lambda *_: None)
        monkeypatch.setattr("nerv360.training.autoencoder.widened_crop", lambda *_: everything)
    frame = smooth_sphere(256, 512).permute(2, 0, 1)[None].float() / 255
    frame[..., ::5] *= 0.7
    time = torch.full((1,), 0.25, dtype=torch.float64)
    picture, target = network(frame, time, looks), network.target(frame, looks)
    (picture - target).square().mean().backward()
    first = network.encoder.stages[0].weight
    assert isinstance(first, Tensor)
    assert first.grad is not None
    monkeypatch.undo()
    return picture.detach(), target, first.grad


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("strides", [(8,), (2, 2, 2)])
@pytest.mark.parametrize(("yaw", "pitch"), LOOKS)
def test_a_step_is_the_same(
    name: str, strides: tuple[int, ...], yaw: float, pitch: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = "wrap" if name == "nerv360" else "zeros"
    config = CONFIG.replace(
        architecture=name, encoder_strides=strides, level_channels=(1,), erp_padding=padding
    )
    compare_steps(config, yaw, pitch, monkeypatch)


@pytest.mark.parametrize("project_after", [1, 2, 3])
@pytest.mark.parametrize(("yaw", "pitch"), LOOKS)
def test_a_step_with_stages_on_the_sphere_is_the_same(
    project_after: int, yaw: float, pitch: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace(project_after=project_after, level_channels=(1, 1))
    compare_steps(config, yaw, pitch, monkeypatch)


def compare_steps(
    config: ModelConfig, yaw: float, pitch: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare a step with and without a crop."""
    looks = look(yaw, pitch)
    part = step(config, looks, whole=False, monkeypatch=monkeypatch)
    whole = step(config, looks, whole=True, monkeypatch=monkeypatch)
    for one, other in zip(part, whole, strict=True):
        assert float((one - other).abs().max()) < 2e-4 * max(1, float(other.abs().max()))


def test_a_region_is_a_part_of_the_sphere() -> None:
    crops = [encoded_crop(DEMO, look(*each)) for each in LOOKS]
    shares = [1 if c is None else c.height * c.width / (c.rows * c.columns) for c in crops]
    assert shares[0] < 0.2
    assert sum(shares) / len(shares) < 0.45
    assert encoded_crop(DEMO, torch.cat([look(0, 0), look(90, 0)])) is None
    assert encoded_crop(DEMO.replace(erp_padding="zeros"), look(0, 0)) is None


def test_pasting_is_the_inverse_of_cutting() -> None:
    crop = FrameCrop(2, 28, 8, 8, 16, 32)
    whole = torch.randn(1, 3, 32, 64)
    part = crop.cut(whole)
    assert part.shape == (1, 3, 16, 16)
    again = crop.paste(part)
    assert torch.equal(crop.cut(again), part)
    assert int((again != 0).sum()) == part.numel()
