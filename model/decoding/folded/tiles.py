"""Tiles of a picture: squares that are computed where the rest stands still.

Maps keep their size. Each convolution reads its tiles, with a rim of neighbours, from a map and
writes them to the next one. So tiles meet without an edge: what two of them need is computed once.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry import pad_erp
from nerv360.networks import Stage

SIDE = 32
"""Pixels along a side of a tile, rounded to a multiple of the decoder's scale."""
WORTH = 0.45
"""Largest share of tiles that is faster than a whole picture."""
WORTH_ALONE = 1.0
"""The same of a picture without stages after the projection: what it samples is kept in tiles."""
_WIDEST = (torch.complex128, torch.float64, torch.float32, torch.int16)
_COUNTS = 8
"""Batches of tiles have this many sizes an octave: convolutions are set up for each."""


@dataclass(frozen=True)
class Tiles:
    """Tiles of one map, from the top; a tile may be there twice.

    Attributes:
        rows, columns: n int64, first row and column of each.
        side: height and width of a tile.
        size: height and width of the map.
    """

    rows: Tensor
    columns: Tensor
    side: tuple[int, int]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def share(self) -> float:
        """Share of the map's pixels in the tiles, at most 1."""
        return min(1.0, len(self) * math.prod(self.side) / math.prod(self.size))

    @functools.cached_property
    def at(self) -> tuple[Tensor, Tensor]:
        """Rows, n×height, and columns, n×width, of all pixels."""
        rows, columns = (torch.arange(side, device=self.rows.device) for side in self.side)
        return self.rows[:, None] + rows, self.columns[:, None] + columns

    def coarser(self, factor: int) -> Tiles:
        """Return the same tiles in a map that is ``factor`` times smaller along a side."""
        height, width = (side // factor for side in self.side)
        size = (self.size[0] // factor, self.size[1] // factor)
        return Tiles(self.rows // factor, self.columns // factor, (height, width), size)

    @functools.cached_property
    def borders(self) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Indices of the tiles with the map's first (0) or last (-1) row, and column, if any."""
        found = tuple(
            {side: index for side, index in sides if len(index)}
            for sides in (
                [(0, _where(first == 0)), (-1, _where(first == size - length))]
                for first, size, length in zip(
                    (self.rows.numpy(), self.columns.numpy()), self.size, self.side, strict=True
                )
            )
        )
        return found[0], found[1]

    @functools.cached_property
    def corners(self) -> dict[tuple[int, int], Tensor]:
        """Indices of the tiles at the map's corners, by row and column as in `borders`."""
        rows, columns = self.borders
        found = {}
        for row, column in itertools.product(rows, columns):
            both = np.intersect1d(rows[row].numpy(), columns[column].numpy())
            if len(both):
                found[row, column] = torch.from_numpy(both)
        return found


def _where(mask: npt.NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.flatnonzero(mask))


class TileMap:
    """A map of features with a rim, in which tiles are written and read; zeros at first."""

    def __init__(self, channels: int, size: tuple[int, int], rim: int, dtype: torch.dtype) -> None:
        self.size, self.rim = size, rim
        shape = (size[0] + 2 * rim, size[1] + 2 * rim, channels)
        self.pixels = torch.zeros(shape, dtype=dtype)
        # Elements of up to 16 bytes are moved faster than single values.
        pixel = channels * dtype.itemsize
        self._element = next((e for e in _WIDEST if pixel % e.itemsize == 0), dtype)

    def put(self, tiles: Tiles, values: Tensor) -> None:
        """Write values n×c×height×width, channels-last."""
        windows = self._windows(tiles.side, 0)
        # Flat, because a side of one pixel may have a stride that no wider element allows.
        flat = values.permute(0, 2, 3, 1).flatten().view(self._element)
        windows[tiles.rows, tiles.columns] = flat.view(-1, *windows.shape[2:])

    def cut(self, tiles: Tiles, halo: int = 0) -> Tensor:
        """Read tiles with ``halo`` pixels around them: n×c×h×w, channels-last."""
        side = (tiles.side[0] + 2 * halo, tiles.side[1] + 2 * halo)
        cut = self._windows(side, halo)[tiles.rows, tiles.columns]
        return cut.view(self.pixels.dtype).permute(0, 3, 1, 2)

    def wrap(self) -> None:
        """Continue the map across seam and poles into its rim, like `pad_erp`."""
        rim, pixels = self.rim, self.pixels
        if not rim:
            return
        inside = pixels[rim:-rim, rim:-rim]
        half = inside.shape[1] // 2
        pixels[:rim, rim:-rim] = inside[:rim].flip(0).roll(half, 1)
        pixels[-rim:, rim:-rim] = inside[-rim:].flip(0).roll(half, 1)
        pixels[:, :rim] = pixels[:, -2 * rim : -rim]
        pixels[:, -rim:] = pixels[:, rim : 2 * rim]

    def _windows(self, side: tuple[int, int], halo: int) -> Tensor:
        """Return a view of all windows of a size, by first row and column."""
        wide = self.pixels.view(self._element)
        height, width, channels = wide.shape
        row, column, one = wide.stride()
        first = self.rim - halo
        counts = (height - first - side[0] + 1, width - first - side[1] + 1)
        return wide.as_strided(
            (*counts, *side, channels),
            (row, column, row, column, one),
            first * (row + column),
        )


class TileMaps:
    """Maps of a program's layers by name, kept while their size stays.

    Programs of one configuration that take turns may share them.

    Attributes:
        kept_of: program whose features on the sphere are kept in them; None without any.
    """

    def __init__(self) -> None:
        self._maps: dict[tuple[str, int, int], TileMap] = {}
        self.kept_of: object = None

    def get(
        self,
        key: tuple[str, int, int],
        channels: int,
        size: tuple[int, int],
        rim: int,
        dtype: torch.dtype,
    ) -> TileMap:
        """Return the map called ``key``, a new one if its size has changed."""
        known = self._maps.get(key)
        if known is None or known.size != size or known.pixels.shape[-1] != channels:
            known = self._maps[key] = TileMap(channels, size, rim, dtype)
        return known


@dataclass(frozen=True)
class Need:
    """Parts of a picture that must be computed.

    Attributes:
        cells: 1×1×h×w, above 0 for the cells that are needed.
        cell: pixels along a side of a cell, in the finest map.
        wrap: the picture continues across seam and poles.
    """

    cells: Tensor
    cell: int
    wrap: bool

    def tiles(self, reach: float, side: int) -> Tiles:
        """Return the tiles of the finest map within ``reach`` of the need, in whole batches.

        Args:
            reach: pixels of the finest map.
            side: of a tile; a multiple of the cell.
        """
        around, length = math.ceil(reach / self.cell), side // self.cell
        cells = self.cells
        if around > min(cells.shape[-2:]):  # all of a small map
            cells, around = cells.amax().expand_as(cells), 0
        cells = pad_erp(cells, around) if self.wrap else F.pad(cells, (around,) * 4)
        cells = F.pad(cells, (0, -self.cells.shape[-1] % length, 0, -self.cells.shape[-2] % length))
        window = length + 2 * around
        pooled = F.max_pool2d(cells, (1, window), (1, length))  # by direction: fewer comparisons
        pooled = F.max_pool2d(pooled, (window, 1), (length, 1))[0, 0]
        rows, columns = (pooled > 0).nonzero(as_tuple=True)
        size = (self.cells.shape[-2] * self.cell, self.cells.shape[-1] * self.cell)
        sides = (min(side, size[0]), min(side, size[1]))
        more = _batch(len(rows)) - len(rows)
        first, second = (
            torch.cat([at, at[-1:].expand(more)]).mul(side).clamp(max=whole - part)
            for at, whole, part in zip((rows, columns), size, sides, strict=True)
        )
        return Tiles(first, second, sides, size)


def _batch(count: int) -> int:
    step = max(1, 2 ** (count.bit_length() - 1) // _COUNTS)
    return -(-count // step) * step


def side_of(scale: int, cell: int) -> int:
    """Return the side of tiles of a picture whose coarsest map is ``scale`` times smaller."""
    step = math.lcm(scale, cell)
    return max(1, round(SIDE / step)) * step


def reaches(stages: Sequence[Stage], after: float) -> list[float]:
    """Return how far around a needed pixel each stage's results are read, in the finest pixels.

    Args:
        after: how far the results of the last stage are read.
    """
    found, scale, reach = list[float](), 1, after
    for stage in reversed(stages):
        reach += 2 * len(stage.residuals) * scale
        found.append(reach)
        scale *= stage.stride
        reach += (stage.conv.kernel_size[0] // 2) * scale
    return [reach, *reversed(found)]


def cut(features: Tensor, tiles: Tiles) -> Tensor:
    """Cut tiles from features 1×c×H×W: n×c×height×width, channels-last."""
    rows, columns = tiles.at
    pixels = features[0].permute(1, 2, 0)[rows[:, :, None], columns[:, None]]
    return pixels.permute(0, 3, 1, 2)
