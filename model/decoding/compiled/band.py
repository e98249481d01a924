"""Bands of rows of a decoder's last stage, so that its maps are never whole in memory.

A band reads some rows of the stage's input beyond its own and drops the result's rows that lack
context: zeros, or the sphere's other side, belong only around the whole picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from nerv360.decoding.compiled.aligned import aligned
from nerv360.networks import Stage

_BAND_BYTES = 160 * 2**20

Rows = tuple[int, int]
"""First row, and the one after the last."""


@dataclass(frozen=True)
class StageBand:
    """Rows that are computed at a time.

    Attributes:
        input: rows of the stage's input; their number is the same for all bands, so that one
            program computes all.
        kept: rows of the result to keep.
        place: rows of the picture where they belong.
    """

    input: Rows
    kept: Rows
    place: Rows


def plan_bands(height: int, stride: int, beyond: int, count: int, cell: int = 1) -> list[StageBand]:
    """Divide an input ``height`` rows high into ``count`` bands, or fewer.

    Args:
        stride: rows of the picture per row of the input.
        beyond: rows above and below that each row depends on.
        cell: rows of the picture that stay in one band; it divides all numbers of rows.
    """
    unit = cell // math.gcd(cell, stride)
    rows, beyond = (-(-rows // unit) * unit for rows in (-(-height // count), beyond))
    taken = min(rows + 2 * beyond, height)
    bands = []
    for first in range(0, height, rows):
        end = min(first + rows, height)
        start = min(max(first - beyond, 0), height - taken)
        kept = (stride * (first - start), stride * (end - start))
        bands.append(StageBand((start, start + taken), kept, (stride * first, stride * end)))
    return bands


def rows_beyond(stage: Stage) -> int:
    """Return the rows of the last stage's input, above and below, that a row depends on.

    They come from the head's 3×3, two more for each residual block, and the stage's own kernel.
    """
    reach = 1 + 2 * len(stage.residuals)
    return -(-reach // stage.stride) + stage.conv.kernel_size[0] // 2


def band_count(stage: Stage, size: tuple[int, int], dtype: torch.dtype) -> int:
    """Return the number of bands that keep the maps of a picture of ``size`` small.

    It is at most the number of cells of the last stage's pixel shuffle: a band's maps are then
    about as large as the input, which is in memory anyway.
    """
    channels = aligned(stage.conv.out_channels // stage.stride**2)
    whole = size[0] * size[1] * channels * dtype.itemsize
    return min(-(-whole // _BAND_BYTES), stage.stride**2)


def wider(rows: Rows, by: int, height: int) -> Rows:
    """Extend ``rows`` by ``by`` on either side, within a map of ``height``."""
    return max(rows[0] - by, 0), min(rows[1] + by, height)
