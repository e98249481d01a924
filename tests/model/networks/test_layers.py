"""Layers: encodings, seams and the layout in memory."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nerv360.networks.layers import (
    Affine,
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


@pytest.mark.parametrize(("stride", "sine"), [(1, True), (2, True), (3, False)])
def test_an_upsampling_block_in_training_is_the_same_with_the_same_gradients(
    stride: int, sine: bool
) -> None:
    torch.manual_seed(0)
    block = UpsamplingBlock(8, 5, stride, 3, wrap=True, sine=sine)
    x = torch.randn(2, 8, 6, 10).contiguous(memory_format=torch.channels_last)
    weights = torch.randn(2, 5, 6 * stride, 10 * stride)
    results = []
    for training in (False, True):
        block.train(training)
        leaf = x.clone().requires_grad_()
        y = block(leaf)
        gradients = torch.autograd.grad((y * weights).sum(), [leaf, *block.parameters()])
        results.append((y, *gradients))
        assert y.is_contiguous(memory_format=torch.channels_last)
    for evaluated, trained in zip(*results, strict=True):
        torch.testing.assert_close(trained, evaluated)


def test_an_affine_transform_in_bfloat16_is_the_one_of_equation_1() -> None:
    torch.manual_seed(0)
    affine = Affine(4, 16).to(torch.bfloat16)
    x = torch.randn(2, 16, 5, 7).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    condition = torch.randn(2, 4).to(torch.bfloat16)
    scale, shift = affine.parameters_for(condition)
    y = affine(x, condition)
    assert torch.equal(y, x * scale + shift)
    assert y.is_contiguous(memory_format=torch.channels_last)


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
