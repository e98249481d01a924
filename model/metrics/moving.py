"""Quality where it moves, which an average over whole pictures hides.

A decoder that shows what stands still and freezes the rest scores well on average. A pixel of the
original moves where one of its colours differs by more than `THRESHOLD` from the clip's temporal
median; squared errors are averaged over all such pixels of all pictures before the logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.metrics.similarity import as_shown, decibels, row_weights, unit

THRESHOLD = 0.06
"""Of a full scale of 1."""
MEDIAN_FRAMES = 31
MEDIAN_BYTES = 512 * 2**20
"""The median is that of so many pictures, spread over the clip, and of fewer where they would take
more memory.
"""
ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class MovingError:
    """Squared error, of a full scale of 1 and a mean over the colours, summed over the pixels that
    move, and how many of them there are; of whole spheres both weighted by the pixels' area.
    """

    square: float = 0.0
    pixels: float = 0.0

    @property
    def db(self) -> float | None:
        """As PSNR; None where nothing moves."""
        return decibels(self.square / self.pixels) if self.pixels else None


def pooled(errors: Iterable[MovingError]) -> MovingError:
    """All pixels that move in any of several pictures."""
    square, pixels = 0.0, 0.0
    for error in errors:
        square, pixels = square + error.square, pixels + error.pixels
    return MovingError(square, pixels)


def moving_error(
    shown: Tensor, wanted: Tensor, still: Tensor, *, sphere: bool = False
) -> MovingError:
    """The error of one picture where it moves.

    Args:
        shown: height×width×3, rounded to 8 bits as `psnr_8bit` does.
        wanted: the original.
        still: the temporal median as seen from the same look.
        sphere: the three are whole ERP frames.

    Raises:
        ValueError: they differ in shape.
    """
    if not shown.shape == wanted.shape == still.shape:
        raise ValueError(f"of one shape, not {shown.shape}, {wanted.shape} and {still.shape}")
    original = unit(wanted)
    moves = ((original - unit(still)).abs().amax(-1) > THRESHOLD).double()
    if sphere:
        moves *= row_weights(shown.shape[0], shown.device)[:, None]
    error = (unit(as_shown(shown)) - original).square().mean(-1, dtype=torch.float64)
    return MovingError(float((error * moves).sum()), float(moves.sum()))


def spread_frames(count: int, frames: int) -> list[int]:
    """``count`` indices, or all that there are, spread over ``frames``: the middles of as many
    equal shares.
    """
    count = min(count, frames)
    return [(2 * k + 1) * frames // (2 * count) for k in range(count)]


def median_frames(frames: int, picture_bytes: int) -> list[int]:
    """An odd number of indices, spread over ``frames``, whose median stands for the clip's."""
    count = min(frames, MEDIAN_FRAMES, max(1, MEDIAN_BYTES // picture_bytes))
    return spread_frames(count - 1 + count % 2, frames)


def temporal_median(pictures: Sequence[Tensor]) -> Tensor:
    """The median of height×width×3 uint8 pictures, pixel by pixel and a few rows at a time."""
    still = torch.empty_like(pictures[0])
    for top in range(0, still.shape[0], ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        still[rows] = torch.stack([picture[rows] for picture in pictures]).median(0).values
    return still
