"""Features on the sphere, computed only where the tiles of viewports sample them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding.folded.stage import FoldedStages
from nerv360.decoding.folded.tiled import TiledStages
from nerv360.decoding.folded.tiles import Need, TileMaps, Tiles, cut, side_of
from nerv360.decoding.grids import ViewportGrids
from nerv360.geometry import erp_grid, pad_erp, sample_padded
from nerv360.networks import Stage


class TiledSphere:
    """The stages before the projection, computed where the tiles of viewports sample them."""

    def __init__(
        self,
        stages: FoldedStages,
        layout: Sequence[Stage],
        size: tuple[int, int],
        maps: TileMaps,
    ) -> None:
        """Use folded stages.

        Args:
            layout: the same before folding.
            size: height and width of the embedding.
            maps: of all layers of the program.
        """
        self._tiled, self._maps = TiledStages(stages, layout, 0, maps, "sphere"), maps
        self._size, self._frame = size, -1
        self._valid = torch.zeros(size, dtype=torch.bool)

    @property
    def feature_bytes(self) -> int:
        """Bytes of its results."""
        return 4 * self._tiled.width * math.prod(self._size) * self._tiled.scales[0] ** 2

    def __call__(
        self,
        frame: int,
        embedding: Tensor,
        condition: Tensor,
        finer: Sequence[Tensor],
        angles: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Return float32 features of the sphere, widened by one pixel a side.

        They are valid until the next call, and only as far as bilinear sampling at ``angles`` reads
        them. The parts of a frame that earlier looks sampled are not computed again.

        Args:
            embedding: 1×d×h×w.
            finer: embeddings before the projection.
            angles: longitudes and latitudes, any shape.
        """
        tiled, scale = self._tiled, self._tiled.scales[0]
        if frame != self._frame or self._maps.kept_of is not self:
            self._valid.zero_()
        self._frame = -1  # an interruption leaves tiles half computed
        self._maps.kept_of = self
        seen = sampled_cells(angles, self._size)
        missing = seen & ~self._valid
        size = self._size[0] * scale, self._size[1] * scale
        there = tiled.map((len(tiled.scales), 0), tiled.width, size, 1, torch.float32)
        if missing.any():
            plan = tiled.plan(Need(missing.float()[None, None], scale, True), side_of(scale, scale))
            there.put(plan[-1], tiled(embedding, condition, finer, cut, plan).float())
            there.wrap()
            self._valid |= seen
        self._frame = frame
        return there.pixels.permute(2, 0, 1)[None]


def sampled_cells(angles: tuple[Tensor, Tensor], size: tuple[int, int]) -> Tensor:
    """Return which cells of an ERP frame bilinear sampling at ``angles`` reads, and a few more.

    Args:
        angles: longitudes and latitudes, any shape.
        size: height and width of the frame in cells of two pixels or more a side.

    Returns:
        Mask of ``size``.
    """
    # Half cells, widened by one half cell a side, because sampling reads half a pixel beside.
    height, width = 2 * size[0], 2 * size[1]
    longitude, latitude = (each.flatten() for each in angles)
    column = longitude.mul(width / (2 * math.pi)).add_(width / 2 + 1).int()
    row = latitude.mul(-height / math.pi).add_(height / 2 + 1).int()
    mask = np.zeros((height + 2) * (width + 2), np.uint8)
    mask[row.mul_(width + 2).add_(column).numpy()] = 1
    seen = torch.from_numpy(mask.reshape(height + 2, width + 2))
    # Angles at a pole or the seam may be rounded beyond it.
    for edge, beyond in ((1, 0), (-2, -1)):
        seen[edge] |= seen[beyond]
    seen[:, 1] |= seen[:, -1]
    seen[:, -2] |= seen[:, 0]
    around = pad_erp(seen[None, None, 1:-1, 1:-1], 1)[0, 0]
    rows = around[:-2] | around[1:-1] | around[2:]
    found = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    pairs = found[::2] | found[1::2]
    return (pairs[:, ::2] | pairs[:, 1::2]) > 0


def sampled(grids: ViewportGrids, features: Tensor, tiles: Tiles) -> Tensor:
    """Sample features that were widened by one pixel a side for tiles: n×c×height×width."""
    height, width = (side - 2 for side in features.shape[-2:])
    grid = erp_grid(*grids.angles(tiles.size, tiles.at), height, width)
    return sample_padded(features, grid)[0].view(-1, len(tiles), *tiles.side).transpose(0, 1)


def sampled_sphere(grids: ViewportGrids, features: Tensor, tiles: Tiles) -> Tensor:
    """Sample as `sampled` does; faster for the results of `TiledSphere`, then channels-last."""
    pixels = features[0].permute(1, 2, 0)
    if not pixels.is_contiguous():
        return sampled(grids, features, tiles)
    samples = _bags(pixels, *grids.angles(tiles.size, tiles.at))
    return samples.view(len(tiles), *tiles.side, -1).permute(0, 3, 1, 2)


def _bags(pixels: Tensor, longitude: Tensor, latitude: Tensor) -> Tensor:
    """Sample height×width×c as `sample_padded` does: n×c float32.

    A sample is a bag of four embeddings with weights.
    """
    height, width, channels = pixels.shape
    x = longitude.flatten().mul((width - 2) / (2 * math.pi)).add_((width - 1) / 2)
    y = latitude.flatten().mul(-(height - 2) / math.pi).add_((height - 1) / 2)
    x, y = x.clamp_(0, width - 1), y.clamp_(0, height - 1)
    left, above = x.int().clamp_(max=width - 2), y.int().clamp_(max=height - 2)
    x, y = x.sub_(left), y.sub_(above)
    first, both = above.mul_(width).add_(left), x * y
    four, weights = first.new_empty(len(first), 4), x.new_empty(len(x), 4)
    for corner, offset in enumerate((0, 1, width, width + 1)):
        torch.add(first, offset, out=four[:, corner])
    torch.sub(x, both, out=weights[:, 1])
    torch.sub(y, both, out=weights[:, 2])
    weights[:, 3] = both
    torch.sub(1 - y, weights[:, 1], out=weights[:, 0])
    return F.embedding_bag(
        four.flatten(),
        pixels.view(-1, channels),
        torch.arange(0, four.numel(), 4, dtype=four.dtype),
        mode="sum",
        per_sample_weights=weights.flatten(),
    )
