"""The NeRV360 decoder rearranged for inference: fewer passes over memory, the same picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.layers import Affine, ConditionedBlock
from model.nerv360 import NeRV360, ViewportStage, sample_features


class AffineBank:
    """γ and β of every STAT affine from one condition: one product for all first layers."""

    def __init__(self, affines: list[Affine]) -> None:
        heads = [head for affine in affines for head in (affine.gamma, affine.beta)]
        first = [_linear(head[0]) for head in heads]
        self.weight = torch.cat([layer.weight for layer in first])
        self.bias = torch.cat([layer.bias for layer in first])
        self.second = [_linear(head[2]) for head in heads]

    def __call__(self, condition: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(1 + γ, β) of every affine, each a vector of its channels, for a 1×c condition."""
        hidden = F.linear(condition[0], self.weight, self.bias).relu_()
        parts = hidden.view(len(self.second), -1)
        out = [layer(part) for layer, part in zip(self.second, parts, strict=True)]
        return [(1 + gamma, beta) for gamma, beta in zip(out[::2], out[1::2], strict=True)]


def _linear(layer: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    return layer


class FoldedBlock:
    """A STAT residual block whose affines are folded into its convolutions' weights."""

    def __init__(self, block: ConditionedBlock) -> None:
        self.convolutions = (block.conv1, block.conv2)

    def __call__(
        self, x: Tensor, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> Tensor:
        y = F.gelu(affine_conv(x, self.convolutions[0], *first))
        return affine_conv(y, self.convolutions[1], *second).add_(x)


def affine_conv(x: Tensor, conv: nn.Conv2d, scale: Tensor, shift: Tensor) -> Tensor:
    """The 3×3 convolution of x·scale + shift, zeros around it, in the precision of ``x``.

    The shift turns into a bias. At the border some taps meet zeros instead of shifted features:
    what they would have added is taken off again.
    """
    weight, bias, taps = fold_affine(conv, scale, shift)
    y = F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), padding=1)
    y[..., 0, :] -= taps[:, 0].sum(1)[:, None]
    y[..., -1, :] -= taps[:, 2].sum(1)[:, None]
    y[..., 0] -= taps[:, :, 0].sum(1)[:, None]
    y[..., -1] -= taps[:, :, 2].sum(1)[:, None]
    for row in (0, -1):
        for column in (0, -1):
            y[..., row, column] += taps[:, row, column]
    return y


def fold_affine(conv: nn.Conv2d, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weight and bias of a convolution that does x·scale + shift too, and the shift's part in
    each tap, out×kernel×kernel, of which the bias has the sum.
    """
    taps = torch.einsum("ocij,c->oij", conv.weight, shift)
    assert conv.bias is not None
    return conv.weight * scale[:, None, None], conv.bias + taps.sum((1, 2)), taps


class FoldedStage:
    """An SNeRV block whose pixel shuffle moves whole runs of channels, and its STAT blocks.

    The convolution's output channels are put into the order (row, column, channel) within a
    shuffled cell.
    """

    def __init__(self, stage: ViewportStage, dtype: torch.dtype) -> None:
        conv, stride = stage.block.conv, stage.block.stride
        assert conv.bias is not None
        channels = conv.out_channels // stride**2
        order = torch.arange(conv.out_channels).view(channels, stride, stride)
        order = order.permute(1, 2, 0).reshape(-1).to(conv.weight.device)
        self.weight = conv.weight[order].to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = conv.bias[order].to(dtype)
        self.padding = conv.kernel_size[0] // 2
        self.stride, self.channels = stride, channels
        self.blocks = [FoldedBlock(block) for block in _blocks(stage)]

    def upsample(self, x: Tensor) -> Tensor:
        """1×c×h×w channels-last → 1×c'×sh×sw channels-last."""
        s, c = self.stride, self.channels
        y = F.conv2d(x, self.weight, self.bias, padding=self.padding).sin_()
        height, width = y.shape[-2:]
        cells = y.permute(0, 2, 3, 1).reshape(height, width, s, s * c)
        shuffled = cells.transpose(1, 2).contiguous()
        return shuffled.view(1, height * s, width * s, c).permute(0, 3, 1, 2)


def _blocks(stage: ViewportStage) -> list[ConditionedBlock]:
    blocks = list(stage.residuals)
    assert all(isinstance(block, ConditionedBlock) for block in blocks)
    return [block for block in blocks if isinstance(block, ConditionedBlock)]


class FoldedViewport:
    """`NeRV360.decode` for one look, its convolutions in ``dtype``, ending in RGBA bytes.

    tanh(x)·0.5 + 0.5 is the logistic function of 2x: the factor goes into the head's weights, and
    a fourth channel whose bias saturates it becomes alpha.
    """

    def __init__(self, network: NeRV360, dtype: torch.dtype = torch.float32) -> None:
        self.network, self.dtype = network, dtype
        stages = [stage for stage in network.stages if isinstance(stage, ViewportStage)]
        self.stages = [FoldedStage(stage, dtype) for stage in stages]
        blocks = [block for stage in stages for block in _blocks(stage)]
        affines = [affine for block in blocks for affine in (block.affine1, block.affine2)]
        self.bank = AffineBank(affines) if affines else None
        head = network.head.conv
        assert head.bias is not None
        self.head_weight = F.pad(2 * head.weight, (0, 0, 0, 0, 0, 0, 0, 1))
        self.head_weight = self.head_weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.head_bias = F.pad(2 * head.bias, (0, 1), value=1000.0).to(dtype)

    def __call__(self, features: Tensor, time: Tensor, look: Tensor, grid: Tensor) -> Tensor:
        """Contiguous height×width×4 uint8 from the result of `NeRV360.expand` and the look's
        `NeRV360.sampling_grid`.
        """
        x = sample_features(features, grid)
        if not self.network.config.expand_before_projection:
            x = self.network.expansion(x, self.network.time_condition(time))
        x = x.to(self.dtype, memory_format=torch.channels_last)
        affines = iter(self.bank(self.network.condition(time, look)) if self.bank else ())
        for stage in self.stages:
            x = stage.upsample(x)
            for block in stage.blocks:
                x = block(x, next(affines), next(affines))
        y = F.conv2d(x, self.head_weight, self.head_bias, padding=1)
        y = y.float().sigmoid_().mul_(255).add_(0.5)
        return y[0].permute(1, 2, 0).to(torch.uint8).contiguous()
