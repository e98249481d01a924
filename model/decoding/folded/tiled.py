"""Pictures over a still panorama, computed only in the tiles that may differ from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding.alpha import Projection, StillAlpha, cell_means
from nerv360.decoding.folded.stage import FoldedConv, FoldedStages, gelu_
from nerv360.decoding.folded.tiles import (
    WORTH,
    WORTH_ALONE,
    Need,
    TileMap,
    TileMaps,
    Tiles,
    cut,
    reaches,
    side_of,
)
from nerv360.decoding.lowering import shuffle, to_bytes_
from nerv360.geometry import pad_erp
from nerv360.networks import ColourHead, Coverage, Stage

TileProjection = Callable[[Tensor, Tiles], Tensor]
"""Samples or cuts features 1×c×H×W for tiles of a map: n×c×height×width."""


class TiledStages:
    """`FoldedStages` for tiles of their maps."""

    def __init__(
        self,
        stages: FoldedStages,
        layout: Sequence[Stage],
        after: float,
        maps: TileMaps,
        name: str,
    ) -> None:
        """Use folded stages.

        Args:
            layout: the same stages before folding.
            after: pixels around a needed one that are read of the last stage's result.
            maps: of all layers of the program.
            name: of these stages, for their maps.
        """
        self._stages, self._maps, self._name = stages, maps, name
        self.reaches = reaches(layout, after)
        scales = [1]
        for stage in reversed(layout):
            scales.append(scales[-1] * stage.stride)
        self.scales = scales[::-1]
        self.width = layout[-1].conv.out_channels // layout[-1].stride ** 2 if layout else 0

    def plan(self, need: Need, side: int) -> list[Tiles]:
        """Return the tiles of the input and of each stage's result, each in its own map."""
        finest = {reach: need.tiles(reach, side) for reach in set(self.reaches)}
        return [
            finest[reach].coarser(scale)
            for reach, scale in zip(self.reaches, self.scales, strict=True)
        ]

    def __call__(
        self,
        x: Tensor,
        condition: Tensor,
        finer: Sequence[Tensor],
        project: TileProjection,
        plan: Sequence[Tiles],
        *,
        wrap: bool = True,
    ) -> Tensor:
        """Return the last stage's tiles, n×c×height×width; see `FoldedStages`.

        Args:
            x: features before the first stage, for ``project``.
            wrap: maps that continue across seam and poles do so; False for a crop with a margin.
        """
        stages = self._stages
        folded, remaining = iter(stages.fold(condition)), iter(finer)
        tiles, x = plan[0], project(x, plan[0]).to(stages.dtype)
        for index, (stage, after) in enumerate(zip(stages.stages, plan[1:], strict=True)):
            grown = after.side[0] // tiles.side[0]
            read = after.coarser(grown)
            windows = self._around(
                (index, 0), x, tiles, read, stage.padding, wrap=wrap and stage.wrap
            )
            y = F.conv2d(windows, stage.weight, stage.bias)
            x = shuffle(y.sin_() if stage.sine else gelu_(y), stage.stride)
            tiles = after.coarser(grown // stage.stride)
            for block in range(len(stage.blocks)):
                keys = ((index, 2 * block + 1), (index, 2 * block + 2))
                y = gelu_(self._convolved(keys[0], x, tiles, next(folded), wrap=wrap))
                x = self._convolved(keys[1], y, tiles, next(folded), wrap=wrap).add_(x)
            if stage.finer is not None:
                x = x.add_(stage.finer(project(next(remaining), tiles)))
        return x

    def _convolved(
        self, key: tuple[int, int], x: Tensor, tiles: Tiles, conv: FoldedConv, *, wrap: bool
    ) -> Tensor:
        windows = self._around(key, x, tiles, tiles, 1, wrap=wrap and conv.wrap)
        return conv.on_tiles(windows, tiles)

    def _around(
        self,
        key: tuple[int, int],
        x: Tensor,
        tiles: Tiles,
        read: Tiles,
        halo: int,
        *,
        wrap: bool,
    ) -> Tensor:
        """Write tiles to the map called ``key``, and return those to read with a halo."""
        there = self.map(key, x.shape[1], tiles.size, halo, x.dtype)
        there.put(tiles, x)
        if wrap:
            there.wrap()
        return there.cut(read, halo)

    def map(
        self,
        key: tuple[int, int],
        channels: int,
        size: tuple[int, int],
        rim: int,
        dtype: torch.dtype,
    ) -> TileMap:
        """Return the map of a layer; see `TileMaps.get`."""
        return self._maps.get((self._name, *key), channels, size, rim, dtype)


@dataclass(frozen=True)
class PicturePlan:
    """Tiles of a picture.

    Attributes:
        need: cells that are shown.
        stages: of the input and of each stage.
        picture: of the picture.
    """

    need: Need
    motion: Tensor
    stages: list[Tiles]
    picture: Tiles


class TiledPicture:
    """The last stages, the head and alpha of a picture over a still panorama, for tiles."""

    def __init__(
        self,
        stages: FoldedStages,
        layout: Sequence[Stage],
        head: ColourHead,
        alpha: StillAlpha,
        maps: TileMaps,
    ) -> None:
        """Use folded stages; ``layout`` has the same before folding."""
        self._stages, self._alpha = stages, alpha
        self.tiled = TiledStages(stages, layout, head.conv.kernel_size[0] // 2, maps, "picture")
        self._side = side_of(self.tiled.scales[0], alpha.coverage.cell)
        self._wrap, self._worth = head.conv.wrap, WORTH if layout else WORTH_ALONE

    @classmethod
    def of(
        cls,
        stages: FoldedStages,
        layout: Sequence[Stage],
        head: ColourHead,
        alpha: StillAlpha | None,
        maps: TileMaps,
    ) -> TiledPicture | None:
        """Create it, or return None without a still panorama or a CPU."""
        if alpha is None or alpha.still.device.type != "cpu":
            return None
        return cls(stages, layout, head, alpha, maps)

    def motion(self, frame: int, size: tuple[int, int], project: Projection) -> Tensor:
        """Return `StillAlpha.motion_at` of the cells of a picture of ``size``."""
        cell = self._alpha.coverage.cell
        return self._alpha.motion_at(frame, (size[0] // cell, size[1] // cell), project)

    def plan(self, motion: Tensor) -> PicturePlan | None:
        """Return the tiles to compute, or None if a whole picture is faster.

        Args:
            motion: `StillAlpha.motion_at` of the picture's cells.
        """
        coverage = self._alpha.coverage
        moves = (motion > 0).float()
        if float(moves.mean()) > self._worth:  # tiles cover them, at least
            return None
        # Cells are compared with their neighbours, and alpha is interpolated between them.
        moves = pad_erp(moves, 1) if self._wrap else F.pad(moves, (1,) * 4)
        need = Need(F.max_pool2d(moves, 3, stride=1), coverage.cell, self._wrap)
        picture = need.tiles(0, self._side)
        if picture.share > self._worth:
            return None
        return PicturePlan(need, motion, self.tiled.plan(need, self._side), picture)

    def __call__(
        self,
        plan: PicturePlan,
        x: Tensor,
        condition: Tensor,
        finer: Sequence[Tensor],
        project: TileProjection,
        still: TileProjection,
    ) -> Tensor:
        """Return contiguous height×width×4 uint8, 0 where it is not decoded.

        Args:
            x: features before the first stage, for ``project``, which also takes ``finer``.
            condition: 1×c' of all blocks.
            still: takes the still panorama.
        """
        tiles, (height, width) = plan.picture, plan.picture.size
        whole = TileMap(4, (height, width), 0, torch.uint8)
        if len(tiles):
            head, last = self._stages.head, plan.stages[-1]
            assert head is not None
            x = self.tiled(x, condition, finer, project, plan.stages)
            there = self.tiled.map((len(plan.stages), 0), x.shape[1], _size(x, last), 1, x.dtype)
            grown = last.size[0] // there.size[0]
            there.put(last.coarser(grown), x)
            if self._wrap:
                there.wrap()
            y = head.on_tiles(there.cut(tiles.coarser(grown), 1))
            rgba = y.permute(0, 2, 3, 1)[..., :4].float().sigmoid()
            alpha = TiledAlpha(self._alpha.coverage, plan)
            behind = still(self._alpha.still, alpha.cells).permute(0, 2, 3, 1)
            rgba[..., 3] = alpha(rgba, F.pad(behind, (0, 1)))
            whole.put(tiles, alpha.needed(to_bytes_(rgba)).permute(0, 3, 1, 2))
        return whole.pixels


def _size(x: Tensor, tiles: Tiles) -> tuple[int, int]:
    """Return the size of the map that ``x`` are tiles of; a head may shuffle the last pixels."""
    grown = tiles.side[0] // x.shape[-2]
    return tiles.size[0] // grown, tiles.size[1] // grown


class TiledAlpha:
    """`Coverage` of the tiles of one picture."""

    def __init__(self, coverage: Coverage, plan: PicturePlan) -> None:
        self._coverage, self._plan = coverage, plan
        self.cells = plan.picture.coarser(coverage.cell)

    def __call__(self, rgba: Tensor, still: Tensor) -> Tensor:
        """Return alpha n×height×width.

        Args:
            rgba: n×height×width×4 in [0, 1].
            still: n×h×w×4, the still panorama at the tiles' cells and 0.
        """
        tiles, coverage = self.cells, self._coverage
        stacked = rgba.view(1, -1, *rgba.shape[2:]).permute(0, 3, 1, 2)
        means = cell_means(stacked, coverage.cell).permute(0, 2, 3, 1)
        means = means.view(len(tiles), *tiles.side, 4) - still
        differs = TileMap(4, tiles.size, 1, torch.float32)
        means[..., 3] = 1  # counts the cells inside
        differs.put(tiles, means.permute(0, 3, 1, 2))
        if coverage.wrap:
            differs.wrap()
        sums = _sums(differs.cut(tiles, 1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        motion = cut(self._plan.motion, tiles)
        opened = coverage.of_difference(sums[:, :3] / sums[:, 3:], motion)
        gates = TileMap(1, tiles.size, 1, torch.float32)
        gates.put(tiles, torch.where(motion > 0, opened, 0))
        pixels = gates.pixels
        pixels[0], pixels[-1] = pixels[1], pixels[-2]
        pixels[:, 0], pixels[:, -1] = pixels[:, 1], pixels[:, -2]
        around = gates.cut(tiles, 1)[:, 0]
        rows, columns = (_enlarging(side, coverage.cell) for side in tiles.side)
        return rows @ (around @ columns.T)

    def needed(self, pixels: Tensor) -> Tensor:
        """Set pixels n×height×width×4 uint8 of cells that are not needed to 0."""
        tiles, cell = self.cells, self._coverage.cell
        need = cut(self._plan.need.cells, tiles)[:, 0].int()
        count, height, width = need.shape
        whole = pixels.view(torch.int32).view(count, height, cell, width, cell)
        return (
            (whole * need[:, :, None, :, None])
            .view(count, height * cell, -1)
            .view(torch.uint8)
            .view(*pixels.shape)
        )


def _sums(x: Tensor) -> Tensor:
    """Sum every 3×3 cells of n×(h+2)×(w+2)×c: n×h×w×c."""
    x = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    return x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]


@functools.lru_cache(maxsize=16)
def _enlarging(cells: int, cell: int) -> Tensor:
    """Return the weights, (cells·cell)×(cells+2), of bilinear interpolation between cells."""
    single = torch.eye(cells + 2)[:, None]
    size = (cells + 2) * cell
    larger = F.interpolate(single, size, mode="linear", align_corners=False)[:, 0]
    return larger[:, cell:-cell].T.contiguous()
