"""Layers in the form that tensor cores need: half precision, channels-last, channels in eights.

Channels are filled up with zeros to a multiple of eight. They stay zero through sine, GELU and the
affines, and are never read, so the picture is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.decoding.lowering import (
    OPAQUE,
    affine_layers,
    affines_of,
    cells_first,
    rgba_of,
    shuffle,
    sphere_conv,
    to_bytes_,
)
from nerv360.networks import Affine, ColourHead, ConditionedBlock, SphereConv, Stage

ALIGNMENT = 8

Affines = Sequence[tuple[Tensor, Tensor]]
"""1 + γ and β, 1×c×1×1 each."""


def aligned(channels: int) -> int:
    """Round up to a multiple of `ALIGNMENT`."""
    return -(-channels // ALIGNMENT) * ALIGNMENT


class AlignedConv(nn.Module):
    """A convolution with input and output channels zero-padded to a multiple of `ALIGNMENT`.

    The input channels of a decoder's first convolution are not padded. If a pixel shuffle follows
    (``cells`` above 1), the outputs are ordered by cell, then channel, and each cell is padded.

    Attributes:
        channels: of a cell, including the added ones.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, conv: SphereConv, dtype: torch.dtype, *, cells: int = 1, first: bool = False
    ) -> None:
        super().__init__()
        self.padding = conv.kernel_size[0] // 2
        self.wrap = conv.wrap
        self.channels = aligned(conv.out_channels // cells)
        spare_in = 0 if first else aligned(conv.in_channels) - conv.in_channels
        spare_out = self.channels - conv.out_channels // cells
        weight = cells_first(conv.weight.detach(), cells)
        bias = cells_first(conv.bias.detach(), cells)
        weight = F.pad(weight, (0, 0, 0, 0, 0, spare_in, 0, spare_out)).flatten(0, 1)
        bias = F.pad(bias, (0, spare_out)).flatten()
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        return sphere_conv(x, self.weight, self.bias, self.padding, wrap=self.wrap)


class AlignedResidual(nn.Module):
    """`ConditionedBlock` with given γ and β."""

    def __init__(self, block: ConditionedBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv1 = AlignedConv(block.conv1, dtype)
        self.conv2 = AlignedConv(block.conv2, dtype)

    def forward(self, x: Tensor, affines: Affines) -> Tensor:
        (scale1, shift1), (scale2, shift2) = affines
        y = F.gelu(self.conv1(x * scale1 + shift1))
        return x + self.conv2(y * scale2 + shift2)


class AlignedFiner(nn.Module):
    """The 1×1 convolution of a finer embedding.

    It has only one or two input channels. Written as a sum of products it becomes part of the pass
    that adds it; a convolution would write a map that must be read again.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: SphereConv, dtype: torch.dtype) -> None:
        super().__init__()
        spare = aligned(conv.out_channels) - conv.out_channels
        weight = F.pad(conv.weight.detach(), (0, 0, 0, 0, 0, 0, 0, spare))
        self.register_buffer("weight", weight[None].to(dtype).contiguous())
        self.register_buffer("bias", F.pad(conv.bias.detach(), (0, spare)).to(dtype)[:, None, None])

    def forward(self, embedding: Tensor) -> Tensor:
        """Apply it: 1×c×h×w → 1×c'×h×w."""
        return (embedding[:, None] * self.weight).sum(2) + self.bias


class AlignedStage(nn.Module):
    """A stage whose pixel shuffle moves whole runs of channels.

    Its residual blocks take their affines from the whole decoder's list, from ``offset`` on.
    """

    def __init__(
        self, stage: Stage, dtype: torch.dtype, offset: int, *, first: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.sine, self.offset = stage.stride, stage.sine, offset
        self.conv = AlignedConv(stage.conv, dtype, cells=stage.stride**2, first=first)
        self.residuals = nn.ModuleList(AlignedResidual(block, dtype) for block in stage.residuals)
        self.finer = AlignedFiner(stage.finer, dtype) if stage.finer is not None else None

    def forward(self, x: Tensor, affines: Affines, finer: Iterator[Tensor]) -> Tensor:
        """Apply it: 1×c×h×w → 1×c'×sh×sw; it takes its finer embedding, if any, from ``finer``."""
        y: Tensor = self.conv(x)
        x = shuffle(y.sin() if self.sine else F.gelu(y), self.stride)
        for index, residual in enumerate(self.residuals):
            at = self.offset + 2 * index
            x = residual(x, affines[at : at + 2])
        return x if self.finer is None else x + self.finer(next(finer))


class AlignedStages(nn.Module):
    """Stages that take their affines from one table.

    Attributes:
        channels: of the last stage's result, including the added ones.
    """

    def __init__(self, stages: Sequence[Stage], dtype: torch.dtype, *, first: bool = False) -> None:
        """Create the stages; with ``first`` they are the decoder's first, with unaligned input."""
        super().__init__()
        self.stages = nn.ModuleList(
            AlignedStage(stage, dtype, len(affines_of(stages[:k])), first=first and k == 0)
            for k, stage in enumerate(stages)
        )
        self.table = affine_table(stages, dtype)
        cells = stages[-1].stride ** 2 if stages else 1
        self.channels = aligned(stages[-1].conv.out_channels // cells) if stages else 0

    def forward(
        self, x: Tensor, condition: Tensor | None = None, finer: Sequence[Tensor] = ()
    ) -> Tensor:
        """Return the result of the last stage.

        Args:
            finer: finer embeddings at the picture's look, for the stages that add one.
        """
        affines, remaining = self.table(condition) if self.table is not None else [], iter(finer)
        for stage in self.stages:
            x = stage(x, affines, remaining)
        return x


class AffineTable(nn.Module):
    """1 + γ and β of many affines from one condition, by two matrix products in float32.

    All first layers are one product; the second layers, filled up to the widest, are one batch.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def __init__(self, affines: Sequence[Affine], dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        first, second = affine_layers(affines)
        self.widths = [aligned(layer.out_features) for layer in second[::2]]
        widest = max(self.widths)

        def widen(x: Tensor) -> Tensor:
            return F.pad(x.detach(), (0, widest - x.shape[-1]))

        second_bias = torch.stack([widen(layer.bias) for layer in second])
        second_bias[::2] += 1
        self.register_buffer("first", torch.cat([layer.weight.detach() for layer in first]))
        self.register_buffer("first_bias", torch.cat([layer.bias.detach() for layer in first]))
        self.register_buffer("second", torch.stack([widen(layer.weight.T) for layer in second]))
        self.register_buffer("second_bias", second_bias[:, None])

    def scales_and_shifts(self, condition: Tensor) -> Tensor:
        """Return 2·affines × 1 × widest, 1 + γ and β in turn, for a float32 1×e condition."""
        hidden = F.linear(condition, self.first, self.first_bias).relu()
        hidden = hidden.view(self.second.shape[0], 1, -1)
        return torch.baddbmm(self.second_bias, hidden, self.second)

    def forward(self, condition: Tensor) -> Affines:
        """Return pairs in the order of the affines, for a float32 1×e condition."""
        table = self.scales_and_shifts(condition).to(self.dtype)
        cells = [table[k, 0] for k in range(2 * len(self.widths))]
        return [
            (cells[2 * k][:width].view(1, -1, 1, 1), cells[2 * k + 1][:width].view(1, -1, 1, 1))
            for k, width in enumerate(self.widths)
        ]


def affine_table(stages: Sequence[Stage], dtype: torch.dtype) -> AffineTable | None:
    """Return the table of the stages' affines, or None if they have none."""
    affines = affines_of(stages)
    return AffineTable(affines, dtype) if affines else None


class AlignedHead(nn.Module):
    """`ColourHead` with tanh's factor and alpha in its weights; ends in opaque RGBA bytes."""

    def __init__(self, head: ColourHead, dtype: torch.dtype, cell: int | None = None) -> None:
        """Rearrange ``head``; with ``cell`` it also returns the means of cells of that size."""
        super().__init__()
        self.cell = cell
        self.conv = AlignedConv(head.conv, dtype)
        self.conv.weight *= 2
        self.conv.bias *= 2
        self.conv.bias[3] = OPAQUE

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Convert 1×c×h×w to contiguous h×w×4 uint8.

        With cells it also returns their means, 1×3×(h/cell)×(w/cell) float32 in [0, 1].
        """
        rgba = rgba_of(self.conv(x))
        if self.cell is None:
            return (to_bytes_(rgba),)
        cells = F.avg_pool2d(rgba.permute(2, 0, 1)[None], self.cell)[:, :3]
        return to_bytes_(rgba), cells
