"""Quality of the moving pixels, which an average over whole pictures hides.

A decoder that shows the still parts and freezes the rest scores well on average. A pixel of the
original moves if one of its colours differs by more than `THRESHOLD` from the clip's temporal
median. Squared errors are averaged over all moving pixels of all pictures before the logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nerv360.metrics.similarity import as_shown, decibels, row_weights, unit

THRESHOLD = 0.06
"""Relative to a full scale of 1."""
MEDIAN_FRAMES = 31
MEDIAN_BYTES = 512 * 2**20
"""The median is taken of up to this many pictures, fewer if they would exceed the memory limit."""
ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class MovingError:
    """Sum of the squared error over the moving pixels, and their number.

    The error has a full scale of 1 and is a mean over the colours. For whole spheres both are
    weighted by the pixels' area.
    """

    square: float = 0.0
    pixels: float = 0.0

    @property
    def db(self) -> float | None:
        """PSNR in dB; None if no pixel moves."""
        return decibels(self.square / self.pixels) if self.pixels else None


def pooled(errors: Iterable[MovingError]) -> MovingError:
    """Sum the errors of several pictures."""
    square, pixels = 0.0, 0.0
    for error in errors:
        square, pixels = square + error.square, pixels + error.pixels
    return MovingError(square, pixels)


def moving_error(
    shown: Tensor, wanted: Tensor, still: Tensor, *, sphere: bool = False
) -> MovingError:
    """Measure the error of one picture over its moving pixels.

    Args:
        shown: height×width×3, rounded to 8 bits as in `psnr_8bit`.
        wanted: the original.
        still: the temporal median, seen with the same look.
        sphere: the three are whole ERP frames.

    Raises:
        ValueError: they differ in shape.
    """
    if not shown.shape == wanted.shape == still.shape:
        shapes = ", ".join(str(tuple(it.shape)) for it in (shown, wanted, still))
        raise ValueError(f"the three pictures must have the same shape, not {shapes}")
    original = unit(wanted)
    moves = ((original - unit(still)).abs().amax(-1) > THRESHOLD).double()
    if sphere:
        moves *= row_weights(shown.shape[0], shown.device)[:, None]
    error = (unit(as_shown(shown)) - original).square().mean(-1, dtype=torch.float64)
    return MovingError(float((error * moves).sum()), float(moves.sum()))


def spread_frames(count: int, frames: int) -> list[int]:
    """Return ``count`` frame indices, at most ``frames``: the middles of equal shares."""
    count = min(count, frames)
    return [(2 * k + 1) * frames // (2 * count) for k in range(count)]


def median_frames(frames: int, picture_bytes: int) -> list[int]:
    """Choose an odd number of evenly spread frame indices for the clip's temporal median."""
    count = min(frames, MEDIAN_FRAMES, max(1, MEDIAN_BYTES // picture_bytes))
    return spread_frames(count - 1 + count % 2, frames)


def temporal_median(pictures: Sequence[Tensor]) -> Tensor:
    """Compute the pixelwise median of height×width×3 uint8 pictures, a few rows at a time.

    It is found bit by bit, which takes a twelfth of the time of torch's median. Of an even number
    it is the lower one.
    """
    still, half = np.empty(tuple(pictures[0].shape), np.uint8), (len(pictures) - 1) // 2
    for top in range(0, len(still), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        values = np.stack([picture[rows].numpy() for picture in pictures])
        median = np.zeros_like(values[0])
        for bit in (128, 64, 32, 16, 8, 4, 2, 1):
            higher = median | np.uint8(bit)
            below = np.sum(values < higher, axis=0, dtype=np.min_scalar_type(len(pictures)))
            median = np.where(below <= half, higher, median)
        still[rows] = median
    return torch.from_numpy(still)
