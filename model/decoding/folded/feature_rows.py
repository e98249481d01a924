"""Rows of a frame's features that a viewport needs, and those to be computed for it."""

from __future__ import annotations

import math

from torch import Tensor


class RowPlan:
    """Plan of the rows of each frame to expand for the looks that come, one after the other.

    The first look at a frame gets the rows that it sees, a later one that needs others all of them.
    Where the frame before was looked at beyond its first look, all are expanded at once.
    """

    def __init__(self, height: int) -> None:
        """For features of ``height`` rows."""
        self._every = (0, height)
        self._frame: int | None = None
        self._first = self._seen = self._valid = (0, 0)

    def missing(self, frame: int, rows: tuple[int, int]) -> tuple[int, int] | None:
        """First and end of the rows to expand before a look at ``frame`` that sees ``rows``;
        nothing where they are valid. They count as expanded from here on.
        """
        if frame != self._frame:
            roamed = not _within(self._seen, self._first)
            self._first = self._seen = rows
            self._frame, self._valid = frame, self._every if roamed else rows
            return self._valid
        self._seen = min(self._seen[0], rows[0]), max(self._seen[1], rows[1])
        if _within(rows, self._valid):
            return None
        self._valid = self._every
        return self._valid

    def forget(self) -> None:
        """No rows are valid."""
        self._frame = None


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def sampled_rows(grid: Tensor, height: int) -> tuple[int, int]:
    """First and end of the rows, of ``height``, that bilinear sampling reads at a grid of
    `model.geometry.viewport_grid`, whose features have one row more at either pole; one row more a
    side is for coordinates that are rounded before they are used.
    """
    top, bottom = ((float(y) + 1) * (height + 2) / 2 - 0.5 for y in grid[..., 1].aminmax())
    first, end = math.floor(top) - 2, math.floor(bottom) + 2
    return min(max(first, 0), height - 1), max(min(end, height), 1)
