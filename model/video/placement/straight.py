"""Placement by resizing and shifting, for pictures whose rows and columns are the frame's own.

It takes about an eighth of the time of sampling each pixel: half side-by-side and VR180 clips, and
turns by whole columns, are played this way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.video.placement.declared import Placement

_NEGLIGIBLE = 1e-3
"""Of a pixel."""


@dataclass(frozen=True)
class _Axis:
    """Rows or columns of a picture and of the part of the frame that it covers.

    Attributes:
        source: pixels of the picture.
        target: pixels that they become.
        start: the first of those in the frame.
        margin: pixels of the picture before and after it that are resized with it.
        target_margin: pixels that those become.
    """

    source: int
    target: int
    start: int
    margin: int
    target_margin: int

    @classmethod
    def of(cls, source: int, size: int, before: float, after: float, closed: bool) -> _Axis | None:
        """Return the axis, or None if pixels would not fall on pixels.

        Args:
            source: pixels of the picture.
            size: pixels of the frame.
            before: share of the frame before the picture.
            after: share of the frame after it.
            closed: the picture goes on beyond its ends, at the other end or over a pole.
        """
        start, end = before * size, (1 - after) * size
        first, last = round(start), round(end)
        if max(abs(start - first), abs(end - last)) > _NEGLIGIBLE or last <= first:
            return None
        target = last - first
        if not closed or target == source:
            return cls(source, target, first, 0, 0)
        step = math.gcd(source, target)
        needed = math.ceil(2 * max(source / target, 1.0))
        steps = math.ceil(needed / (source // step))
        margin = steps * (source // step)
        return cls(source, target, first, margin, steps * (target // step))


@dataclass(frozen=True)
class Straight:
    """Placement of pictures of one size without a turn, or with one by whole columns."""

    rows: _Axis
    columns: _Axis
    size: tuple[int, int]
    shift: int

    @classmethod
    def of(
        cls, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> Straight | None:
        """Return the way to place parts of this size in a frame, or None if it takes sampling."""
        left, top, right, bottom = placement.bounds
        shift = placement.yaw / (2 * math.pi) * size[1]
        if placement.cube is not None or placement.pitch or placement.roll:
            return None
        if abs(shift - round(shift)) > _NEGLIGIBLE:
            return None
        around = left == right == 0
        columns = _Axis.of(part_size[1], size[1], left, right, around)
        rows = _Axis.of(part_size[0], size[0], top, bottom, around and top == bottom == 0)
        if rows is None or columns is None:
            return None
        if rows.margin > part_size[0] or columns.margin > part_size[1] or part_size[1] % 2:
            return None
        return cls(rows, columns, size, round(shift) % size[1])

    def place(self, picture: Tensor) -> Tensor:
        """Return the frame, H×W×C, of a picture H×W×C, uint8 both."""
        rows, columns = self.rows, self.columns
        covering = self._resized(picture)
        if rows.target == self.size[0] and columns.target == self.size[1]:
            frame = covering.contiguous()
        else:
            frame = torch.zeros(*self.size, picture.shape[-1], dtype=torch.uint8)
            down = slice(rows.start, rows.start + rows.target)
            frame[down, columns.start : columns.start + columns.target] = covering
        return frame.roll(self.shift, 1) if self.shift else frame

    def _resized(self, picture: Tensor) -> Tensor:
        rows, columns = self.rows, self.columns
        if (rows.source, columns.source) == (rows.target, columns.target):
            return picture
        if rows.margin:
            half = picture.shape[1] // 2
            above = picture[: rows.margin].flip(0).roll(half, 1)
            below = picture[-rows.margin :].flip(0).roll(half, 1)
            picture = torch.cat([above, picture, below])
        if columns.margin:
            last, first = picture[:, -columns.margin :], picture[:, : columns.margin]
            picture = torch.cat([last, picture, first], 1)
        size = (
            rows.target + 2 * rows.target_margin,
            columns.target + 2 * columns.target_margin,
        )
        planes = picture.permute(2, 0, 1)[None]
        resized = F.interpolate(planes, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
        top, left = rows.target_margin, columns.target_margin
        return resized[top : top + rows.target, left : left + columns.target]
