"""Stages with their affines folded into the convolutions, for fewer passes over memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding.alpha import Projection
from nerv360.decoding.folded.tiles import Tiles
from nerv360.decoding.lowering import (
    OPAQUE,
    affine_layers,
    affines_of,
    cells_first,
    shuffle,
    sphere_conv,
)
from nerv360.geometry import pad_erp
from nerv360.networks import (
    Affine,
    ColourHead,
    ConditionedBlock,
    FrameCrop,
    SphereConv,
    Stage,
)

ScaleAndShift = tuple[Tensor, Tensor]


class AffineBank:
    """γ and β of every affine from one condition, with one product for all first layers."""

    def __init__(self, affines: Sequence[Affine]) -> None:
        first, self.second = affine_layers(affines)
        self.weight = torch.cat([layer.weight for layer in first])
        self.bias = torch.cat([layer.bias for layer in first])

    def __call__(self, condition: Tensor) -> list[ScaleAndShift]:
        """Return (1 + γ, β) of every affine, vectors of its channels, for a 1×c condition."""
        hidden = F.linear(condition[0], self.weight, self.bias).relu_()
        parts = hidden.view(len(self.second), -1)
        out = [layer(part) for layer, part in zip(self.second, parts, strict=True)]
        return [(1 + gamma, beta) for gamma, beta in zip(out[::2], out[1::2], strict=True)]


class FoldedStages:
    """Stages of a network, and its head unless it is None, with convolutions in ``dtype``."""

    def __init__(
        self, stages: Sequence[Stage], head: ColourHead | None, dtype: torch.dtype
    ) -> None:
        self.dtype = dtype
        self.stages = [FoldedStage(stage, dtype) for stage in stages]
        affines = affines_of(stages)
        self.bank = AffineBank(affines) if affines else None
        self.convolutions = [conv for s in self.stages for b in s.blocks for conv in b.convolutions]
        self._folded: tuple[Tensor, list[FoldedConv]] | None = None
        self.head: FoldedHead | ShuffledHead | None = None
        if head is None:
            return
        self.head = FoldedHead(head, dtype)
        if stages and ShuffledHead.fits(stages[-1], head):
            self.stages[-1].stride = 1
            self.head = ShuffledHead(head, dtype)

    def __call__(
        self,
        x: Tensor,
        condition: Tensor,
        finer: Sequence[Tensor],
        project: Projection,
        crops: Sequence[FrameCrop] = (),
    ) -> Tensor:
        """Compute 1×4×H×W for `rgba_bytes`, or features without a head, from features 1×c×h×w.

        Args:
            condition: 1×c' of all blocks.
            finer: the frame's finer embeddings, sampled by ``project``.
            crops: if given, the crop that each stage needs, the first one of ``x``.
        """
        x = x.to(self.dtype, memory_format=torch.channels_last)
        folded, remaining = iter(self.fold(condition)), iter(finer)
        for index, stage in enumerate(self.stages):
            if index and crops:
                x = crops[index - 1].part(crops[index], x)
            x = stage(x, folded)
            if stage.finer is not None:
                level, size = next(remaining), (x.shape[-2], x.shape[-1])
                level = crops[0].part(crops[index], level) if crops else project(level, size)
                x = x.add_(stage.finer(level))
        return x if self.head is None else self.head(x)

    def fold(self, condition: Tensor) -> list[FoldedConv]:
        """Return the blocks' folded convolutions, cached until the condition changes.

        If the condition does not depend on the look, that is as long as the frame stays.
        """
        if self.bank is None:
            return []
        if self._folded is None or not self._folded[0].equal(condition):
            affines = zip(self.convolutions, self.bank(condition), strict=True)
            folded = [FoldedConv(conv, *affine, self.dtype) for conv, affine in affines]
            self._folded = condition, folded
        return self._folded[1]


class FoldedStage:
    """A stage whose pixel shuffle moves whole runs of channels.

    Attributes:
        stride: of its pixel shuffle; 1 leaves the shuffle to the head.
    """

    def __init__(self, stage: Stage, dtype: torch.dtype) -> None:
        conv, cells = stage.conv, stage.stride**2
        weight = cells_first(conv.weight, cells).flatten(0, 1).to(dtype)
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = cells_first(conv.bias, cells).flatten().to(dtype)
        self.padding, self.wrap = conv.kernel_size[0] // 2, conv.wrap
        self.stride, self.sine = stage.stride, stage.sine
        self.blocks = [FoldedBlock(block) for block in stage.residuals]
        self.finer = FoldedFiner(stage.finer, dtype) if stage.finer is not None else None

    def __call__(self, x: Tensor, folded: Iterator[FoldedConv]) -> Tensor:
        """Apply it: 1×c×h×w → 1×c'×sh×sw, channels-last; its blocks use ``folded`` in turn."""
        y = sphere_conv(x, self.weight, self.bias, self.padding, wrap=self.wrap)
        x = shuffle(y.sin_() if self.sine else gelu_(y), self.stride)
        for block in self.blocks:
            x = block(x, next(folded), next(folded))
        return x


class FoldedFiner:
    """The 1×1 convolution of a finer embedding, in ``dtype``."""

    def __init__(self, conv: SphereConv, dtype: torch.dtype) -> None:
        self.weight, self.bias = conv.weight[..., 0, 0].T.to(dtype), conv.bias.to(dtype)

    def __call__(self, embedding: Tensor) -> Tensor:
        """Apply it: N×c×h×w → N×c'×h×w, channels-last."""
        count, _, height, width = embedding.shape
        pixels = embedding.permute(0, 2, 3, 1).flatten(0, 2).to(self.weight.dtype)
        added = torch.addmm(self.bias, pixels, self.weight)
        return added.view(count, height, width, -1).permute(0, 3, 1, 2)


class FoldedBlock:
    """A residual block whose affines are folded into its convolutions' weights."""

    def __init__(self, block: ConditionedBlock) -> None:
        self.convolutions = (block.conv1, block.conv2)

    def __call__(self, x: Tensor, first: FoldedConv, second: FoldedConv) -> Tensor:
        return second(gelu_(first(x))).add_(x)


class FoldedHead:
    """The colour head for `rgba_bytes`, with tanh's factor and alpha in its weights."""

    def __init__(self, head: ColourHead, dtype: torch.dtype) -> None:
        weight, bias = _rgba_layer(head)
        self.weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = bias.to(dtype)
        self.wrap = head.conv.wrap

    def __call__(self, x: Tensor) -> Tensor:
        """Apply it: 1×c×h×w → 1×4×h×w."""
        return sphere_conv(x, self.weight, self.bias, 1, wrap=self.wrap)

    def on_tiles(self, x: Tensor) -> Tensor:
        """Apply it to tiles with a rim: N×c×(h+2)×(w+2) → N×4×h×w."""
        return F.conv2d(x, self.weight, self.bias)


class ShuffledHead:
    """`FoldedHead` moved before the last pixel shuffle, which then moves only four channels.

    Each output holds a square of pixels, shifted up and left by one pixel against the shuffle's
    cells, so that its inputs lie in two by two cells. A third of the products are with zeros. It is
    faster all the same: a CPU's vectors hold more than four channels.
    """

    stride = 2

    def __init__(self, head: ColourHead, dtype: torch.dtype) -> None:
        """Rearrange a head that `fits`."""
        weight, bias = _rgba_layer(head)
        colours, channels, size, _ = weight.shape
        s = self.stride
        cells = weight.new_zeros(s, s, colours, s, s, channels, 2, 2)
        for row, column, y, x in product(range(s), range(s), range(size), range(size)):
            down, cell_row = divmod(row + y, s)
            right, cell_column = divmod(column + x, s)
            cells[row, column, :, cell_row, cell_column, :, down, right] = weight[..., y, x]
        weight = cells.view(s * s * colours, s * s * channels, 2, 2)
        self.weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = bias.repeat(s * s).to(dtype)

    @classmethod
    def fits(cls, last: Stage, head: ColourHead) -> bool:
        """Return True if a head padded with zeros directly follows a shuffle of stride 2."""
        return last.stride == cls.stride and not last.residuals and not head.conv.wrap

    def __call__(self, x: Tensor) -> Tensor:
        """Apply it: 1×(4·c)×h×w in the order of `cells_first` → 1×4×2h×2w."""
        y = shuffle(F.conv2d(x, self.weight, self.bias, padding=1), self.stride)
        return y[..., 1:-1, 1:-1]

    def on_tiles(self, x: Tensor) -> Tensor:
        """Apply it to tiles with a rim: N×(4·c)×(h+2)×(w+2) → N×4×2h×2w."""
        return shuffle(F.conv2d(x, self.weight, self.bias), self.stride)[..., 1:-1, 1:-1]


def _rgba_layer(head: ColourHead) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a colour head, including tanh's factor and alpha."""
    conv = head.conv
    weight = F.pad(2 * conv.weight, (0, 0, 0, 0, 0, 0, 0, 1))
    return weight, F.pad(2 * conv.bias, (0, 1), value=OPAQUE)


class FoldedConv:
    """The 3×3 convolution of x·scale + shift, in ``dtype``.

    The shift becomes a bias. If zeros surround the features, taps outside meet zeros instead of
    shifted features, and their contribution to the bias is subtracted.
    """

    def __init__(self, conv: SphereConv, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> None:
        weight, bias, taps = fold_affine(conv, scale, shift)
        self.weight, self.bias, self.wrap = weight.to(dtype), bias.to(dtype), conv.wrap
        if not self.wrap:
            self.rows, self.columns = (taps.sum(along)[..., None] for along in (2, 1))
            self.taps = taps

    def __call__(self, x: Tensor) -> Tensor:
        """Apply it: 1×c×h×w → 1×c'×h×w."""
        if self.wrap:
            return F.conv2d(pad_erp(x, 1), self.weight, self.bias)
        y = F.conv2d(x, self.weight, self.bias, padding=1)
        for side in (0, -1):
            y[..., side, :] -= self.rows[:, side]
            y[..., side] -= self.columns[:, side]
            for column in (0, -1):
                y[..., side, column] += self.taps[:, side, column]
        return y

    def on_tiles(self, x: Tensor, tiles: Tiles) -> Tensor:
        """Apply it to tiles with a rim: n×c×(h+2)×(w+2) → n×c'×h×w."""
        y = F.conv2d(x, self.weight, self.bias)
        if self.wrap:
            return y
        pixels = y.permute(0, 2, 3, 1)
        rows, columns = tiles.borders
        for side, index in rows.items():
            line = pixels[:, side]
            line[index] -= self.rows[:, side, 0]
        for side, index in columns.items():
            line = pixels[:, :, side]
            line[index] -= self.columns[:, side, 0]
        for (side, column), index in tiles.corners.items():
            corner = pixels[:, side, column]
            corner[index] += self.taps[:, side, column]
        return y


def affine_conv(x: Tensor, conv: SphereConv, scale: Tensor, shift: Tensor) -> Tensor:
    """Apply a `FoldedConv` in the precision of ``x``."""
    return FoldedConv(conv, scale, shift, x.dtype)(x)


def fold_affine(conv: SphereConv, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fold x·scale + shift into a convolution.

    Returns:
        Weight, bias, and the shift's contribution by tap, out×kernel×kernel, whose sum is in the
            bias.
    """
    taps = torch.einsum("ocij,c->oij", conv.weight, shift)
    return conv.weight * scale[:, None, None], conv.bias + taps.sum((1, 2)), taps


def gelu_(x: Tensor) -> Tensor:
    """Apply GELU in place."""
    return torch.ops.aten.gelu_(x)
