"""Runner of a viewport's stages: a sequence of fused kernels on four preallocated buffers.

A stage with one residual block passes over memory six times. It writes its features; the block's
first convolution reads them and writes its result; the second reads that and adds to the features
in place. Separate operators take thirteen passes (docs/performance.md).

The last stage needs most of the memory and runs in bands of rows, as many as its pixel shuffle has
cells: a band then needs no more than the map that the stage starts from. Rows beyond a band's edge
are computed for both bands, so that bands do not change the picture.
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

from nerv360.decoding.compiled import CacheFile, Gpu, Rows, wider
from nerv360.decoding.triton import convolution as fused_conv
from nerv360.decoding.triton.convolution import (
    ADD,
    GELU,
    SINE,
    AffineFolds,
    BandMap,
    FusedConv,
    FusedHead,
    Head,
    Tile,
)
from nerv360.decoding.triton.finer import FusedFiner
from nerv360.decoding.triton.kernels import PARTS
from nerv360.networks import ColourHead, Stage

log = logging.getLogger(__name__)

_AGREEMENT_DB = 45.0
_MAX_ELEMENTS = 2**31 - 1
"""The kernels count elements in 32 bits."""


@dataclass(frozen=True)
class FusedStage:
    """Convolutions of a stage: its own, two for each residual block, and the finer embedding's."""

    upsampling: FusedConv
    residuals: Sequence[tuple[FusedConv, FusedConv]]
    finer: FusedFiner | None

    @property
    def convolutions(self) -> list[FusedConv]:
        """All of them, in the order of launching."""
        return [self.upsampling, *(conv for pair in self.residuals for conv in pair)]

    def needs(self, rows: Rows, height: int) -> Rows:
        """Return the rows of the shuffled map that ``rows`` of the stage's result depend on."""
        return wider(rows, 2 * len(self.residuals), height)


class FusedRunner:
    """All stages and the head, from features at the viewport's embedding size to RGBA bytes.

    Attributes:
        projected: height and width of the features.
        size: height and width of the picture.
        bands: number of bands of the last stage.
        convolutions: of all stages, in the order of their first launch.
        buffers: two for the features of the stages in turn, one for values between a block's
            convolutions, and one for the products with the head's taps.
        cells: as in `Runner`.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        head: ColourHead,
        projected: tuple[int, int],
        dtype: torch.dtype,
        cell: int | None = None,
        bands: int | None = None,
        tiles: CacheFile | None = None,
    ) -> None:
        """Rearrange the layers, on their device.

        Args:
            projected: height and width of the features.
            cell: side of the cells whose means are wanted; it divides the picture's sides.
            bands: by default as many as the last stage's pixel shuffle has cells.
            tiles: file of the tiles that suit this GPU; without it they are measured each time.

        Raises:
            RuntimeError: a map is too large for the kernels, or memory runs out.
        """
        self._tiles = tiles
        self.stages = [_fused(stage, dtype) for stage in stages]
        folding = [conv for stage in self.stages for pair in stage.residuals for conv in pair]
        self._folds = AffineFolds(folding) if folding else None
        self.convolutions = [conv for stage in self.stages for conv in stage.convolutions]
        last = self.stages[-1].upsampling
        self._head = FusedHead(head.conv, sum(last.chunks), dtype)
        self.projected, self._sizes = projected, [projected]
        for stage in self.stages:
            height, width = self._sizes[-1]
            self._sizes.append((height * stage.upsampling.stride, width * stage.upsampling.stride))
        self.size = self._sizes[-1]
        rows = self.size[0] // (cell or 1)
        self.bands = min(bands or last.stride**2, rows)
        self._edges = [rows * k // self.bands * (cell or 1) for k in range(self.bands + 1)]
        self._allocate(dtype, head.conv.weight.device)
        self.cells: Tensor | None = None
        if cell is not None:
            shape = (1, head.conv.out_channels, rows, self.size[1] // cell)
            self.cells = torch.empty(shape, device=head.conv.weight.device)

    def __call__(self, features: Tensor, table: Tensor, *finer: Tensor) -> Tensor:
        """Return height×width×4 uint8, always in the same memory.

        Args:
            features: h×w×c, contiguous.
            table: `AffineTable.scales_and_shifts` of all residual blocks.
            finer: finer embeddings, h×w×c, contiguous, for the stages that add one.
        """
        self._fold(table)
        for launch in self._launches(features, finer):
            launch()
        return self.picture

    def ready(self, gpu: Gpu, features: Tensor, table: Tensor, *finer: Tensor) -> None:
        """Measure which tile suits each convolution, once per GPU. See `Runner.ready`."""
        self._fold(table)
        kept = kept_tiles(self._tiles, len(self.convolutions))
        if kept is not None:
            for convolution, tile in zip(self.convolutions, kept, strict=True):
                convolution.tile = tile
            try:
                self(features, table, *finer)
                return
            except TritonError as error:
                log.info("the tiles that were kept do not fit, and are measured anew: %s", error)
        tuned: set[Callable[..., None]] = set()
        for launch in self._launches(features, finer):
            if isinstance(launch.func, FusedConv) and launch.func not in tuned:
                tuned.add(launch.func)
                launch.func.tune(gpu, launch)
            else:
                launch()
        self._check_half_sums(features, table, *finer)
        if self._tiles is not None:
            self._tiles.write(
                json.dumps([convolution.tile for convolution in self.convolutions]).encode()
            )

    def _check_half_sums(self, *inputs: Tensor) -> None:
        """Sum in float32 everywhere if sums in half precision change the picture too much."""
        chosen = [convolution.tile for convolution in self.convolutions]
        if not any(tile.half_sums for tile in chosen):
            return
        picture = self(*inputs).clone()
        for convolution in self.convolutions:
            convolution.tile = convolution.tile._replace(half_sums=False)
        difference = (self(*inputs)[..., :3].double() - picture[..., :3].double()).square().mean()
        if float(difference) > 255**2 / 10 ** (_AGREEMENT_DB / 10):
            log.info("sums in half precision change the picture, and are not used")
            return
        for convolution, tile in zip(self.convolutions, chosen, strict=True):
            convolution.tile = tile

    def _fold(self, table: Tensor) -> None:
        if self._folds is not None:
            self._folds(table)

    def _launches(self, features: Tensor, finer: Sequence[Tensor]) -> list[partial[None]]:
        """Return every kernel launch except folding, in order."""
        source, remaining = BandMap(features, 0, self._sizes[0][0]), iter(finer)
        launches: list[partial[None]] = []
        for index, stage in enumerate(self.stages[:-1]):
            height = self._sizes[index + 1][0]
            maps = self._maps(index, 0)
            launches += _stage_launches(stage, source, maps, (0, height), None)
            source = maps[0]
            if stage.finer is not None:
                launches.append(partial(stage.finer, next(remaining), source.band))
        for rows in pairwise(self._edges):
            visible = wider(rows, 1, self.size[0])
            stage = self.stages[-1]
            first = self._first(stage, visible)
            maps = self._maps(len(self.stages) - 1, first)
            parts = BandMap(self.buffers[3], first, self.size[0])
            head = Head(self._head.weight, self.buffers[3])
            launches += _stage_launches(stage, source, maps, visible, head)
            launches.append(partial(self._head.assemble, parts, self.picture, rows, self.cells))
        return launches

    def _first(self, stage: FusedStage, rows: Rows) -> int:
        """Return the first row in a band's maps; the shuffle writes whole cells."""
        stride = stage.upsampling.stride
        return stage.needs(rows, self.size[0])[0] // stride * stride

    def _maps(self, index: int, first: int) -> tuple[BandMap, BandMap]:
        """Return the maps of a stage's features and of the values between its convolutions."""
        height, width = self._sizes[index + 1]
        held = self._held if index == len(self.stages) - 1 else height
        shape = (held, width, self.stages[index].upsampling.outputs)
        size = held * width * shape[-1]
        features = BandMap(self.buffers[index % 2][:size].view(shape), first, height)
        if not self.stages[index].residuals:
            return features, features
        return features, BandMap(self.buffers[2][:size].view(shape), first, height)

    def _allocate(self, dtype: torch.dtype, device: torch.device) -> None:
        stage, height = self.stages[-1], self.size[0]
        stride = stage.upsampling.stride
        spans = [stage.needs(wider(rows, 1, height), height) for rows in pairwise(self._edges)]
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
        self.buffers = [torch.empty(size, dtype=dtype, device=device) for size in sizes]
        self.buffers.append(torch.empty(parts, dtype=dtype, device=device))
        self.picture = torch.empty(*self.size, 4, dtype=torch.uint8, device=device)


def kept_tiles(file: CacheFile | None, count: int) -> list[Tile] | None:
    """Return ``count`` tiles from ``file`` if it holds that many of `TILES`, otherwise None."""
    payload = file.read() if file is not None else None
    if payload is None:
        return None
    try:
        tiles = [Tile(*fields) for fields in json.loads(payload)]
    except (ValueError, TypeError):
        return None
    known = {tile._replace(half_sums=False) for tile in tiles} <= set(fused_conv.TILES)
    return tiles if len(tiles) == count and known else None


def _fused(stage: Stage, dtype: torch.dtype) -> FusedStage:
    upsampling = FusedConv(stage.conv, dtype, SINE if stage.sine else GELU, stride=stage.stride)
    residuals = [
        (
            FusedConv(residual.conv1, dtype, GELU, folds=True),
            FusedConv(residual.conv2, dtype, ADD, folds=True),
        )
        for residual in stage.residuals
    ]
    finer = FusedFiner(stage.finer, upsampling.outputs) if stage.finer is not None else None
    return FusedStage(upsampling, residuals, finer)


def _stage_launches(
    stage: FusedStage, source: BandMap, maps: tuple[BandMap, BandMap], rows: Rows, head: Head | None
) -> list[partial[None]]:
    """Return the launches that compute ``rows`` of a stage.

    The result goes to the first of ``maps``, or with ``head`` its products with the head's taps.
    """
    features, between = maps
    height, stride = features.height, stage.upsampling.stride
    first, end = stage.needs(rows, height)
    blocks = len(stage.residuals)
    cells = (first // stride, -(-end // stride))
    launches = [partial(stage.upsampling, source, features, cells, None if blocks else head)]
    for index, (conv1, conv2) in enumerate(stage.residuals):
        out = wider(rows, 2 * (blocks - 1 - index), height)
        launches.append(partial(conv1, features, between, wider(out, 1, height)))
        final = head if index == blocks - 1 else None
        launches.append(partial(conv2, between, features, out, final))
    return launches
