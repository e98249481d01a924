"""The decoders' stages rearranged for inference: fewer passes over memory, the same picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.geometry import pad_erp
from model.networks.layers import Affine, ColourHead, ConditionedBlock, SphereConv, UpsamplingBlock
from model.networks.nerv360 import NeRV360, ViewportStage, sample_features

Affines = Iterator[tuple[Tensor, Tensor]]


class AffineBank:
    """γ and β of every affine from one condition: one product for all first layers."""

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
    """A residual block whose affines are folded into its convolutions' weights."""

    def __init__(self, block: ConditionedBlock) -> None:
        self.convolutions = (block.conv1, block.conv2)

    def __call__(
        self, x: Tensor, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> Tensor:
        y = gelu_(affine_conv(x, self.convolutions[0], *first))
        return affine_conv(y, self.convolutions[1], *second).add_(x)


def affine_conv(x: Tensor, conv: SphereConv, scale: Tensor, shift: Tensor) -> Tensor:
    """The 3×3 convolution of x·scale + shift in the precision of ``x``.

    The shift turns into a bias. Where zeros surround the features some taps meet those instead of
    shifted features: what they would have added is taken off again.
    """
    weight, bias, taps = fold_affine(conv, scale, shift)
    if conv.wrap:
        return F.conv2d(pad_erp(x, 1), weight.to(x.dtype), bias.to(x.dtype))
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
    """An upsampling block whose pixel shuffle moves whole runs of channels, and its residual
    blocks.

    The convolution's output channels are put into the order (row, column, channel) within a
    shuffled cell.
    """

    def __init__(
        self, block: UpsamplingBlock, residuals: Sequence[ConditionedBlock], dtype: torch.dtype
    ) -> None:
        conv, stride = block.conv, block.stride
        assert conv.bias is not None
        channels = conv.out_channels // stride**2
        order = torch.arange(conv.out_channels).view(channels, stride, stride)
        order = order.permute(1, 2, 0).reshape(-1).to(conv.weight.device)
        self.weight = conv.weight[order].to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = conv.bias[order].to(dtype)
        self.padding, self.wrap = conv.kernel_size[0] // 2, conv.wrap
        self.stride, self.channels, self.sine = stride, channels, block.sine
        self.blocks = [FoldedBlock(block) for block in residuals]

    def __call__(self, x: Tensor, affines: Affines) -> Tensor:
        """As `upsample`, and through the residual blocks, which take theirs of ``affines``."""
        x = self.upsample(x)
        for block in self.blocks:
            x = block(x, next(affines), next(affines))
        return x

    def upsample(self, x: Tensor) -> Tensor:
        """1×c×h×w channels-last → 1×c'×sh×sw channels-last."""
        s, c = self.stride, self.channels
        y = sphere_conv(x, self.weight, self.bias, self.padding, wrap=self.wrap)
        y = y.sin_() if self.sine else gelu_(y)
        if s == 1:
            return y
        height, width = y.shape[-2:]
        cells = y.permute(0, 2, 3, 1).reshape(height, width, s, s * c)
        shuffled = cells.transpose(1, 2).contiguous()
        return shuffled.view(1, height * s, width * s, c).permute(0, 3, 1, 2)


def sphere_conv(x: Tensor, weight: Tensor, bias: Tensor, padding: int, *, wrap: bool) -> Tensor:
    """The convolution that a `SphereConv` of such a ``padding`` does."""
    if wrap and padding:
        return F.conv2d(pad_erp(x, padding), weight, bias)
    return F.conv2d(x, weight, bias, padding=padding)


def gelu_(x: Tensor) -> Tensor:
    """GELU in place."""
    activated: Tensor = torch.ops.aten.gelu_(x)
    return activated


class FoldedHead:
    """The colour head, ending in RGBA bytes.

    tanh(x)·0.5 + 0.5 is the logistic function of 2x: the factor goes into the head's weights, and
    a fourth channel whose bias saturates it becomes alpha.
    """

    def __init__(self, head: ColourHead, dtype: torch.dtype) -> None:
        conv = head.conv
        assert conv.bias is not None
        weight = F.pad(2 * conv.weight, (0, 0, 0, 0, 0, 0, 0, 1))
        self.weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = F.pad(2 * conv.bias, (0, 1), value=1000.0).to(dtype)
        self.wrap = conv.wrap

    def __call__(self, x: Tensor) -> Tensor:
        """1×c×h×w → contiguous h×w×4 uint8."""
        y = sphere_conv(x, self.weight, self.bias, 1, wrap=self.wrap)
        y = y.float().sigmoid_().mul_(255).add_(0.5)
        return y[0].permute(1, 2, 0).to(torch.uint8).contiguous()


def residual_blocks(residuals: nn.ModuleList) -> list[ConditionedBlock]:
    """A stage's residual blocks."""
    blocks = [block for block in residuals if isinstance(block, ConditionedBlock)]
    assert len(blocks) == len(residuals)
    return blocks


def affine_bank(blocks: Sequence[ConditionedBlock]) -> AffineBank | None:
    """The bank of all their affines, in order, where there are any."""
    affines = [affine for block in blocks for affine in (block.affine1, block.affine2)]
    return AffineBank(affines) if affines else None


class FoldedViewport:
    """`NeRV360.decode` for one look, its convolutions in ``dtype``, ending in RGBA bytes."""

    def __init__(self, network: NeRV360, dtype: torch.dtype = torch.float32) -> None:
        self.network, self.dtype = network, dtype
        stages = [stage for stage in network.stages if isinstance(stage, ViewportStage)]
        residuals = [residual_blocks(stage.residuals) for stage in stages]
        self.stages = [
            FoldedStage(stage.block, blocks, dtype)
            for stage, blocks in zip(stages, residuals, strict=True)
        ]
        self.bank = affine_bank([block for blocks in residuals for block in blocks])
        self.head = FoldedHead(network.head, dtype)

    def __call__(self, features: Tensor, time: Tensor, look: Tensor, grid: Tensor) -> Tensor:
        """Contiguous height×width×4 uint8 from the result of `NeRV360.expand` and the look's
        `model.geometry.viewport_grid`.
        """
        x = sample_features(features, grid)
        if not self.network.config.expand_before_projection:
            x = self.network.expansion(x, self.network.time_condition(time))
        x = x.to(self.dtype, memory_format=torch.channels_last)
        affines = iter(self.bank(self.network.condition(time, look)) if self.bank else ())
        for stage in self.stages:
            x = stage(x, affines)
        return self.head(x)
