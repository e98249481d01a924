"""Layers: encodings, seams and the layout in memory."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nerv360.networks.layers import (
    SphereConv,
    UpsamplingBlock,
    periodic_encoding,
    pixel_shuffle,
    positional_encoding,
)


def test_encodings_need_and_use_double_precision() -> None:
    value = torch.tensor([1 / 3], dtype=torch.float64)
    code = positional_encoding(value, 1.25, 80)
    angle = 1.25**79 * math.pi / 3
    assert code[0, 79].item() == pytest.approx(math.sin(angle), abs=1e-5)
    assert code.dtype == torch.float32
    with pytest.raises(TypeError):
        positional_encoding(value.float(), 1.25, 80)
    turn = periodic_encoding(torch.tensor([0.4, 0.4 + 2 * math.pi], dtype=torch.float64), 8)
    torch.testing.assert_close(turn[0], turn[1], atol=1e-5, rtol=0)


def test_channels_last_survives_the_pixel_shuffle() -> None:
    block = UpsamplingBlock(8, 16, 2, 3, wrap=False)
    x = torch.randn(1, 8, 12, 20).to(memory_format=torch.channels_last)
    assert block(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("stride", [2, 3])
def test_the_shuffle_of_gpus_moves_pixels_as_torchs(stride: int) -> None:
    x = torch.randn(2, 5 * stride**2, 4, 7).to(memory_format=torch.channels_last)
    expected = F.pixel_shuffle(x, stride)

    class OnGpu(torch.Tensor):
        device = torch.device("cuda")

    moved = pixel_shuffle(x.as_subclass(OnGpu), stride).as_subclass(torch.Tensor)
    assert torch.equal(moved, expected)
    assert moved.is_contiguous(memory_format=torch.channels_last)


def test_wrapped_convolution_commutes_with_a_turn_of_the_sphere() -> None:
    conv = SphereConv(2, 3, 3, wrap=True)
    x = torch.randn(1, 2, 10, 20)
    torch.testing.assert_close(conv(x).roll(7, -1), conv(x.roll(7, -1)), atol=1e-5, rtol=1e-5)
    zeros = SphereConv(2, 3, 3, wrap=False)
    assert not torch.allclose(zeros(x).roll(7, -1), zeros(x.roll(7, -1)))
