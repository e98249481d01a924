"""Windows of a frame's features that a viewport needs, and what is to be computed for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 2
"""Rows and columns beyond a feature that its expansion reads, by two 3×3 convolutions."""

Span = tuple[int, int]
"""First, and the end after the last."""

Piece = tuple[slice, slice]
"""Rows and columns, none of them beyond the seam."""


@dataclass(frozen=True)
class Window:
    """Rectangle of features that wrap around the sphere.

    Where rows lie within `REACH` of a pole, beyond which the opposite side is read, it has all
    columns.

    Attributes:
        size: height and width of all features.
        columns: may go on across the seam: their first is less than the width, their end may be
            more.
    """

    size: tuple[int, int]
    rows: Span
    columns: Span

    @classmethod
    def of(cls, size: tuple[int, int], rows: Span, columns: Span) -> Window:
        """The smallest that has ``rows``, and ``columns``, which may be any whole numbers."""
        (height, width), (first, end) = size, columns
        if end - first >= width or rows[0] < REACH or rows[1] > height - REACH:
            return cls(size, rows, (0, width))
        return cls(size, rows, (first % width, first % width + end - first))

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Window:
        """All features."""
        return cls(size, (0, size[0]), (0, size[1]))

    def has_rows(self, other: Window) -> bool:
        """Every row of another window is in this one."""
        return self.rows[0] <= other.rows[0] and other.rows[1] <= self.rows[1]

    def has_columns(self, other: Window) -> bool:
        """Every column of another window is in this one."""
        (first, end), width = self.columns, self.size[1]
        gap = (other.columns[0] - first) % width
        return end - first == width or gap + other.columns[1] - other.columns[0] <= end - first

    def pieces(self, margin: int) -> Iterator[Piece]:
        """The window and ``margin`` more a side, in two pieces where the seam parts it."""
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


class WindowPlan:
    """Plan of the window of each frame to expand for the looks that come, one after the other.

    The first look at a frame gets the window that it sees, a later one that needs other columns all
    columns of it, one that needs other rows everything. Where the frame before was looked at beyond
    its first look, the next one gets as much at once.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """For features of ``size``, height and width."""
        self._size = size
        self._frame: int | None = None
        self._first = self._valid = Window.whole(size)
        self._other_rows = self._other_columns = False

    def missing(self, frame: int, window: Window) -> Window | None:
        """Window to expand before a look at ``frame`` that sees ``window``; nothing where that is
        valid. It counts as expanded from here on.
        """
        if frame != self._frame:
            rows, columns = self._other_rows, self._other_columns
            self._frame, self._first = frame, window
            self._other_rows = self._other_columns = False
            self._valid = self._wider(window, rows=rows, columns=columns)
            return self._valid
        self._other_rows |= not self._first.has_rows(window)
        self._other_columns |= not self._first.has_columns(window)
        rows, columns = not self._valid.has_rows(window), not self._valid.has_columns(window)
        if not rows and not columns:
            return None
        self._valid = self._wider(self._valid, rows=rows, columns=columns)
        return self._valid

    def forget(self) -> None:
        """No window is valid."""
        self._frame = None

    def _wider(self, window: Window, *, rows: bool, columns: bool) -> Window:
        if rows:
            return Window.whole(self._size)
        return Window(self._size, window.rows, (0, self._size[1])) if columns else window


def sampled_window(grid: Tensor, size: tuple[int, int]) -> Window:
    """Window, of features of ``size``, that bilinear sampling reads at a grid of
    `model.geometry.viewport_grid`, whose features have one pixel more a side; one row and column
    more a side are for coordinates that are rounded before they are used.
    """
    height, width = size
    y = (grid[..., 1] + 1) * ((height + 2) / 2) - 1.5
    first, end = _read(*_range(y))
    rows = min(max(first, 0), height - 1), max(min(end, height), 1)
    x = (grid[..., 0] + 1) * ((width + 2) / 2) - 1.5
    # What crosses the seam lies together where columns are counted from the opposite side.
    half = width // 2
    low, high = _range(torch.remainder(x + half, width))
    ranges = [_range(x), (low - half, high - half)]
    return Window.of(size, rows, _read(*min(ranges, key=lambda it: it[1] - it[0])))


def _range(values: Tensor) -> tuple[float, float]:
    low, high = values.aminmax()
    return float(low), float(high)


def _read(low: float, high: float) -> Span:
    return math.floor(low) - 1, math.floor(high) + 3
