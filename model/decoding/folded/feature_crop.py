"""Crops: the parts of a frame's features that a viewport needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 2
"""Rows and columns around a feature that the stem reads for it, by two 3×3 convolutions."""

Span = tuple[int, int]
"""First, and the one after the last."""

Piece = tuple[slice, slice]
"""Rows and columns that do not cross the seam."""


@dataclass(frozen=True)
class FeatureCrop:
    """Rectangle of features that wrap around the sphere.

    If its rows come within `REACH` of a pole, beyond which the opposite side is read, it has all
    columns.

    Attributes:
        size: height and width of all features.
        columns: may continue across the seam: the first is less than the width, the end may exceed
            it.
    """

    size: tuple[int, int]
    rows: Span
    columns: Span

    @classmethod
    def of(cls, size: tuple[int, int], rows: Span, columns: Span) -> FeatureCrop:
        """Return the smallest crop with ``rows`` and ``columns``, any whole numbers."""
        (height, width), (first, end) = size, columns
        if end - first >= width or rows[0] < REACH or rows[1] > height - REACH:
            return cls(size, rows, (0, width))
        return cls(size, rows, (first % width, first % width + end - first))

    @classmethod
    def whole(cls, size: tuple[int, int]) -> FeatureCrop:
        """Return the crop of all features."""
        return cls(size, (0, size[0]), (0, size[1]))

    def has_rows(self, other: FeatureCrop) -> bool:
        """Return True if it contains every row of ``other``."""
        return self.rows[0] <= other.rows[0] and other.rows[1] <= self.rows[1]

    def has_columns(self, other: FeatureCrop) -> bool:
        """Return True if it contains every column of ``other``."""
        (first, end), width = self.columns, self.size[1]
        gap = (other.columns[0] - first) % width
        return end - first == width or gap + other.columns[1] - other.columns[0] <= end - first

    def pieces(self, margin: int) -> Iterator[Piece]:
        """Yield the crop, extended by ``margin`` a side, as two pieces if the seam divides it."""
        height, width = self.size
        rows = slice(max(self.rows[0] - margin, 0), min(self.rows[1] + margin, height))
        first, end = self.columns[0] - margin, self.columns[1] + margin
        if end - first >= width:
            yield rows, slice(0, width)
            return
        first, end = first % width, first % width + end - first
        yield rows, slice(first, min(end, width))
        if end > width:
            yield rows, slice(0, end - width)


class CropPlan:
    """Plans the crop to expand for each look at a frame.

    The first look at a frame gets its own crop. A later look that needs other columns gets all
    columns; one that needs other rows gets everything. If the previous frame needed more than its
    first crop, the next frame gets as much at once.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Plan for features of ``size``, height and width."""
        self._size = size
        self._frame: int | None = None
        self._first = self._valid = FeatureCrop.whole(size)
        self._other_rows = self._other_columns = False

    def missing(self, frame: int, crop: FeatureCrop) -> FeatureCrop | None:
        """Return the crop to expand for a look that sees ``crop``, or None if it is valid.

        The result counts as expanded from here on.
        """
        if frame != self._frame:
            rows, columns = self._other_rows, self._other_columns
            self._frame, self._first = frame, crop
            self._other_rows = self._other_columns = False
            self._valid = self._wider(crop, rows=rows, columns=columns)
            return self._valid
        self._other_rows |= not self._first.has_rows(crop)
        self._other_columns |= not self._first.has_columns(crop)
        rows, columns = not self._valid.has_rows(crop), not self._valid.has_columns(crop)
        if not rows and not columns:
            return None
        self._valid = self._wider(self._valid, rows=rows, columns=columns)
        return self._valid

    def forget(self) -> None:
        """Forget all valid crops."""
        self._frame = None

    def _wider(self, crop: FeatureCrop, *, rows: bool, columns: bool) -> FeatureCrop:
        if rows:
            return FeatureCrop.whole(self._size)
        return FeatureCrop(self._size, crop.rows, (0, self._size[1])) if columns else crop


def sampled_crop(grid: Tensor, size: tuple[int, int]) -> FeatureCrop:
    """Return the crop of features of ``size`` that bilinear sampling reads at ``grid``.

    It has one extra row and column a side, because coordinates are rounded later.

    Args:
        grid: from `nerv360.geometry.viewport_grid`, for features widened by one pixel a side.
    """
    height, width = size
    y = (grid[..., 1] + 1) * ((height + 2) / 2) - 1.5
    first, end = _read(*_range(y))
    rows = min(max(first, 0), height - 1), max(min(end, height), 1)
    x = (grid[..., 0] + 1) * ((width + 2) / 2) - 1.5
    # Columns across the seam are adjacent if counted from the opposite side.
    half = width // 2
    low, high = _range(torch.remainder(x + half, width))
    ranges = [_range(x), (low - half, high - half)]
    return FeatureCrop.of(size, rows, _read(*min(ranges, key=lambda it: it[1] - it[0])))


def _range(values: Tensor) -> tuple[float, float]:
    low, high = values.aminmax()
    return float(low), float(high)


def _read(low: float, high: float) -> Span:
    return math.floor(low) - 1, math.floor(high) + 3
