"""Bands of rows of a decoder's last stage, so that its maps are never whole in memory.

A band takes some rows of the stage's input beyond its own, and of its result the rows that those
spoilt are left out: zeros, or the sphere's other side, belong only around the whole picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from model.decoding.compiled.aligned import aligned
from model.networks import Stage

_BAND_BYTES = 160 * 2**20

Span = tuple[int, int]
"""First row, and the one after the last."""


@dataclass(frozen=True)
class Band:
    """Rows that are computed at a time.

    Attributes:
        source: taken from the stage's input; as many for every band, so that one program does all.
        kept: of the rows that come out of those.
        place: in the picture.
    """

    source: Span
    kept: Span
    place: Span


def plan_bands(height: int, stride: int, beyond: int, count: int, cell: int = 1) -> list[Band]:
    """``count`` bands, or fewer, of an input ``height`` rows high, of which each row depends on
    ``beyond`` more above and below.

    Args:
        stride: rows of the picture for each of the input.
        cell: rows of the picture, of which no band takes or keeps a part; a divisor of all rows.
    """
    unit = cell // math.gcd(cell, stride)
    rows, beyond = (-(-rows // unit) * unit for rows in (-(-height // count), beyond))
    taken = min(rows + 2 * beyond, height)
    bands = []
    for first in range(0, height, rows):
        end = min(first + rows, height)
        start = min(max(first - beyond, 0), height - taken)
        kept = (stride * (first - start), stride * (end - start))
        bands.append(Band((start, start + taken), kept, (stride * first, stride * end)))
    return bands


def rows_beyond(stage: Stage) -> int:
    """Rows of the last stage's input, above and below its own, that a row of the picture depends
    on by the head's 3×3, two more in each residual block, and the stage's own kernel.
    """
    reach = 1 + 2 * len(stage.residuals)
    return -(-reach // stage.stride) + stage.conv.kernel_size[0] // 2


def band_count(stage: Stage, size: tuple[int, int], dtype: torch.dtype) -> int:
    """Number of bands that keep a map of a picture of ``size`` small, and no more than the last
    stage's pixel shuffle has cells: a band's maps are then about as large as the input that is
    there anyway.
    """
    channels = aligned(stage.conv.out_channels // stage.stride**2)
    whole = size[0] * size[1] * channels * dtype.itemsize
    return min(-(-whole // _BAND_BYTES), stage.stride**2)


def wider(rows: Span, by: int, height: int) -> Span:
    """``rows`` with ``by`` more on either side, as far as a map of ``height`` has them."""
    return max(rows[0] - by, 0), min(rows[1] + by, height)
