"""A viewport's stages as a sequence of fused kernels over four buffers that are allocated once.

A stage of one residual block passes over memory six times: its features are written and read by
the block's first convolution, whose result is written and read by the second, which adds to the
features where they are. Separate operators take thirteen passes (docs/performance.md).

The last stage, which has most of the memory, runs in bands of rows, as many as its pixel shuffle
has cells: what one band needs is then no larger than the map that the stage starts from. What lies
beyond a band's edge is computed for either band, so that bands change nothing in the picture.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from triton.errors import TritonError

from model.decoding.compiled.cache import KeptFile
from model.decoding.compiled.gpu import Gpu
from model.decoding.triton import convolution as fused_conv
from model.decoding.triton.convolution import (
    ADD,
    GELU,
    SINE,
    AffineFolds,
    FusedConv,
    FusedHead,
    Head,
    Rows,
    Tile,
)
from model.decoding.triton.kernels import PARTS
from model.networks.layers import ColourHead, ConditionedBlock, UpsamplingBlock

log = logging.getLogger(__name__)

_MAX_ELEMENTS = 2**31 - 1
"""The kernels count elements in 32 bits."""

Span = tuple[int, int]
"""First row, and the one after the last."""


@dataclass(frozen=True)
class FusedStage:
    """An SNeRV block and its STAT blocks, each as the two convolutions it has."""

    upsampling: FusedConv
    residuals: Sequence[tuple[FusedConv, FusedConv]]

    def needs(self, rows: Span, height: int) -> Span:
        """Which rows of the upsampling block's result its ``rows`` depend on."""
        return _wider(rows, 2 * len(self.residuals), height)


class FusedTrunk:
    """All stages and the head, from features at the viewport's embedding size to RGBA bytes.

    Attributes:
        size: height and width of the picture.
        bands: how many the last stage runs in.
    """

    def __init__(
        self,
        stages: Sequence[tuple[UpsamplingBlock, Sequence[ConditionedBlock]]],
        head: ColourHead,
        projected: tuple[int, int],
        dtype: torch.dtype,
        bands: int | None = None,
        tiles: KeptFile | None = None,
    ) -> None:
        """Rearrange the layers, on the device where they are.

        Args:
            projected: height and width of the features.
            bands: as many as the last stage's pixel shuffle has cells, unless given.
            tiles: where those that suit this GPU are kept; measured each time unless given.

        Raises:
            RuntimeError: a map is too large for the kernels, or memory runs out.
        """
        self._tiles = tiles
        self.stages = [_stage(block, residuals, dtype) for block, residuals in stages]
        folding = [conv for stage in self.stages for pair in stage.residuals for conv in pair]
        self._folds = AffineFolds(folding) if folding else None
        last = self.stages[-1].upsampling
        self._head = FusedHead(head.conv, sum(last.chunks), dtype)
        self._sizes = [projected]
        for stage in self.stages:
            height, width = self._sizes[-1]
            self._sizes.append((height * stage.upsampling.stride, width * stage.upsampling.stride))
        self.size = self._sizes[-1]
        self.bands = min(bands or last.stride**2, self.size[0])
        self._allocate(dtype, head.conv.weight.device)

    def __call__(self, features: Tensor, table: Tensor) -> Tensor:
        """Height×width×4 uint8, in the same memory each time.

        Args:
            features: h×w×c, contiguous.
            table: `AffineTable.rows` of all residual blocks.
        """
        self._fold(table)
        for launch in self._launches(features):
            launch()
        return self.picture

    def ready(self, gpu: Gpu, features: Tensor, table: Tensor) -> None:
        """As `Trunk.ready`: measure which tile suits each convolution, once for a GPU."""
        self._fold(table)
        convolutions = self._convolutions()
        kept = kept_tiles(self._tiles, len(convolutions))
        if kept is not None:
            for convolution, tile in zip(convolutions, kept, strict=True):
                convolution.tile = tile
            try:
                self(features, table)
                return
            except TritonError as error:
                log.info("the tiles that were kept do not fit, and are measured anew: %s", error)
        tuned: set[Callable[..., None]] = set()
        for launch in self._launches(features):
            if isinstance(launch.func, FusedConv) and launch.func not in tuned:
                tuned.add(launch.func)
                launch.func.tune(gpu, launch)
            else:
                launch()
        if self._tiles is not None:
            self._tiles.write(
                json.dumps([convolution.tile for convolution in convolutions]).encode()
            )

    def _convolutions(self) -> list[FusedConv]:
        return [
            convolution
            for stage in self.stages
            for convolution in (stage.upsampling, *(c for pair in stage.residuals for c in pair))
        ]

    def _fold(self, table: Tensor) -> None:
        if self._folds is not None:
            self._folds(table)

    def _launches(self, features: Tensor) -> list[partial[None]]:
        """Every kernel but the folding one, in order."""
        source = Rows(features, 0, self._sizes[0][0])
        launches: list[partial[None]] = []
        for index, stage in enumerate(self.stages[:-1]):
            height = self._sizes[index + 1][0]
            maps = self._maps(index, 0)
            launches += _stage_launches(stage, source, maps, (0, height), None)
            source = maps[0]
        for rows in self._band_rows():
            visible = _wider(rows, 1, self.size[0])
            stage = self.stages[-1]
            first = self._first(stage, visible)
            maps = self._maps(len(self.stages) - 1, first)
            parts = Rows(self._parts, first, self.size[0])
            head = Head(self._head.weight, self._parts)
            launches += _stage_launches(stage, source, maps, visible, head)
            launches.append(partial(self._head.assemble, parts, self.picture, rows))
        return launches

    def _band_rows(self) -> list[Span]:
        height = self.size[0]
        edges = [height * k // self.bands for k in range(self.bands + 1)]
        return list(pairwise(edges))

    def _first(self, stage: FusedStage, rows: Span) -> int:
        """The first row that a band's maps hold: the shuffle writes whole cells."""
        stride = stage.upsampling.stride
        return stage.needs(rows, self.size[0])[0] // stride * stride

    def _maps(self, index: int, first: int) -> tuple[Rows, Rows]:
        """A stage's features, and what its residual blocks hold between their convolutions."""
        height, width = self._sizes[index + 1]
        held = self._held if index == len(self.stages) - 1 else height
        shape = (held, width, self.stages[index].upsampling.outputs)
        size = held * width * shape[-1]
        features = Rows(self._buffers[index % 2][:size].view(shape), first, height)
        if not self.stages[index].residuals:
            return features, features
        return features, Rows(self._buffers[2][:size].view(shape), first, height)

    def _allocate(self, dtype: torch.dtype, device: torch.device) -> None:
        stage, height = self.stages[-1], self.size[0]
        stride = stage.upsampling.stride
        spans = [stage.needs(_wider(rows, 1, height), height) for rows in self._band_rows()]
        self._held = max(
            -(-end // stride) * stride - first // stride * stride for first, end in spans
        )
        sizes = [0, 0, 0]
        for index, (each, (rows, width)) in enumerate(
            zip(self.stages, self._sizes[1:], strict=True)
        ):
            held = self._held if each is stage else rows
            size = held * width * each.upsampling.outputs
            sizes[index % 2] = max(sizes[index % 2], size)
            sizes[2] = max(sizes[2], size if each.residuals else 0)
        parts = (self._held, self.size[1], PARTS.value)
        if max(*sizes, parts[0] * parts[1] * parts[2]) > _MAX_ELEMENTS:
            raise RuntimeError(
                f"a picture of {self.size[1]}x{height} is too large for the fused engine"
            )
        self._buffers = [torch.empty(size, dtype=dtype, device=device) for size in sizes]
        self._parts = torch.empty(parts, dtype=dtype, device=device)
        self.picture = torch.empty(*self.size, 4, dtype=torch.uint8, device=device)


def kept_tiles(file: KeptFile | None, count: int) -> list[Tile] | None:
    """As many tiles as are asked for, if ``file`` holds just those and they are among `TILES`."""
    payload = file.read() if file is not None else None
    if payload is None:
        return None
    try:
        tiles = [Tile(*fields) for fields in json.loads(payload)]
    except (ValueError, TypeError):
        return None
    return tiles if len(tiles) == count and set(tiles) <= set(fused_conv.TILES) else None


def _stage(
    block: UpsamplingBlock, residuals: Sequence[ConditionedBlock], dtype: torch.dtype
) -> FusedStage:
    return FusedStage(
        FusedConv(block.conv, dtype, SINE if block.sine else GELU, stride=block.stride),
        [
            (
                FusedConv(residual.conv1, dtype, GELU, folds=True),
                FusedConv(residual.conv2, dtype, ADD, folds=True),
            )
            for residual in residuals
        ],
    )


def _stage_launches(
    stage: FusedStage, source: Rows, maps: tuple[Rows, Rows], rows: Span, head: Head | None
) -> list[partial[None]]:
    """The kernels that compute ``rows`` of a stage into the first of ``maps``, or the products
    with the head's taps into ``head``.
    """
    features, between = maps
    height, stride = features.height, stage.upsampling.stride
    first, end = stage.needs(rows, height)
    blocks = len(stage.residuals)
    cells = (first // stride, -(-end // stride))
    launches = [partial(stage.upsampling, source, features, cells, None if blocks else head)]
    for index, (conv1, conv2) in enumerate(stage.residuals):
        out = _wider(rows, 2 * (blocks - 1 - index), height)
        launches.append(partial(conv1, features, between, _wider(out, 1, height)))
        final = head if index == blocks - 1 else None
        launches.append(partial(conv2, between, features, out, final))
    return launches


def _wider(rows: Span, by: int, height: int) -> Span:
    return max(rows[0] - by, 0), min(rows[1] + by, height)
