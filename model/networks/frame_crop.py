"""Crops of the frame that looks see, and sampling of features in them.

Features of the sphere are computed in a crop with a margin as wide as convolutions reach. Padding
at a crop's border is wrong and stays within the margin. A crop that comes near a pole has all
columns, so that padding beyond the pole is right. If zeros surround the frame, a crop that
continues beyond its right edge is computed in two pieces.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import (
    Look,
    sample_padded,
    viewport_angles,
    viewport_grid,
)

EDGE_BETWEEN = 1
"""Pixels of the embedding by which a look's edge may be off, between the points that find it."""
COMPARED_BESIDE = 2
"""Pixels of the embedding beside a look whose colours its pictures and their alpha depend on."""
_STEP = 8
"""Sizes are multiples of this, because convolutions are set up for each shape."""
_SAMPLED_ROWS = 64
"""Rows of a viewport on whose border the bounds of its crop are found."""


@dataclass(frozen=True)
class FrameCrop:
    """A part of the frame, in pixels of the coarsest embedding, which has rows×columns.

    Attributes:
        top, left: its upper left corner; it may continue beyond the right edge at the left.
        height, width: its size.
        rows, columns: of the whole embedding.
    """

    top: int
    left: int
    height: int
    width: int
    rows: int
    columns: int

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole frame."""
        return self.height == self.rows and self.width == self.columns

    def pieces(self) -> list[FrameCrop]:
        """Return it as one crop or two, none of them across the frame's right edge."""
        beyond = self.left + self.width - self.columns
        if beyond <= 0 or self.width == self.columns:
            return [self]
        return [
            replace(self, width=self.width - beyond),
            replace(self, left=0, width=beyond),
        ]

    def cut(self, features: Tensor) -> Tensor:
        """Cut the crop from N×C×H×W, of any multiple of the embedding's size."""
        scale = features.shape[-2] // self.rows
        rows = features[..., scale * self.top : scale * (self.top + self.height), :]
        first, end = scale * self.left, scale * (self.left + self.width)
        beyond = end - features.shape[-1]
        if beyond <= 0:
            return rows[..., first:end]
        return torch.cat([rows[..., first:], rows[..., :beyond]], -1)

    def paste(self, part: Tensor) -> Tensor:
        """Undo `cut`, with zeros around the crop."""
        scale = part.shape[-2] // self.height
        size = (*part.shape[:-2], scale * self.rows, scale * self.columns)
        whole = part.new_zeros(size).contiguous(memory_format=torch.channels_last)
        rows = slice(scale * self.top, scale * (self.top + self.height))
        first = scale * self.left
        fits = min(part.shape[-1], size[-1] - first)
        whole[..., rows, first : first + fits] = part[..., :fits]
        whole[..., rows, : part.shape[-1] - fits] = part[..., fits:]
        return whole

    def inner(self, margin: int) -> FrameCrop:
        """Return the crop without ``margin`` pixels a side, except where the frame has no more.

        There padding is right: beyond a pole, and across the seam in a crop with all columns.
        """
        aside = 0 if self.width == self.columns else margin
        above = margin if self.top else 0
        below = margin if self.bottom < self.rows else 0
        height, width = self.height - above - below, self.width - 2 * aside
        left = (self.left + aside) % self.columns
        return FrameCrop(self.top + above, left, height, width, self.rows, self.columns)

    def part(self, inner: FrameCrop, features: Tensor) -> Tensor:
        """Cut a crop within this one from features of this one."""
        return features[(..., *self._slices(inner, features.shape[-2] // self.height))]

    def around(self, inner: FrameCrop, part: Tensor) -> Tensor:
        """Undo `part`, with zeros around the crop."""
        scale = part.shape[-2] // inner.height
        rows, columns = self._slices(inner, scale)
        after = scale * self.width - columns.stop, scale * self.height - rows.stop
        return F.pad(part, (columns.start, after[0], rows.start, after[1]))

    def _slices(self, inner: FrameCrop, scale: int) -> tuple[slice, slice]:
        top, left = inner.top - self.top, (inner.left - self.left) % self.columns
        return (
            slice(scale * top, scale * (top + inner.height)),
            slice(scale * left, scale * (left + inner.width)),
        )

    def contains(self, other: FrameCrop) -> bool:
        """Return True if it has every pixel of ``other``, a crop of the same frame."""
        gap = (other.left - self.left) % self.columns
        columns = self.width == self.columns or gap + other.width <= self.width
        return columns and self.top <= other.top and other.bottom <= self.bottom

    def grown(self, height: int, width: int) -> FrameCrop:
        """Return a crop of this size, at least its own, with every pixel of it near the middle."""
        top = self.top - (height - self.height) // 2
        left = (self.left - (width - self.width) // 2) % self.columns
        return FrameCrop(
            min(max(top, 0), self.rows - height),
            0 if width == self.columns else left,
            height,
            width,
            self.rows,
            self.columns,
        )

    @property
    def bottom(self) -> int:
        """The row after its last one."""
        return self.top + self.height

    def grid(self, longitude: Tensor, latitude: Tensor, height: int) -> Tensor:
        """Return coordinates …×2 for `sample_padded` in the result of `cut`, widened by a pixel.

        The angles must lie inside it by at least a pixel of the embedding.

        Args:
            height: of the result of `cut`.
        """
        scale = height // self.height
        width = scale * self.width
        column = (longitude / (2 * math.pi) + 0.5) * (scale * self.columns) - 0.5
        column = torch.remainder(column - scale * self.left, scale * self.columns)
        row = (0.5 - latitude / math.pi) * (scale * self.rows) - 0.5 - scale * self.top
        # The last column of a whole turn is less than a pixel from the first.
        return torch.stack(
            [(column + 1.5) / (width + 2) * 2 - 1, (row + 1.5) / (height + 2) * 2 - 1], -1
        )

    def sample(self, parts: Sequence[Tensor], longitude: Tensor, latitude: Tensor) -> list[Tensor]:
        """Sample results of `cut`, widened by a pixel, bilinearly at angles N×h×w; see `grid`."""
        grid = self.grid(longitude, latitude, parts[0].shape[-2] - 2)
        return [sample_padded(part, grid) for part in parts]


def seen_crop(config: ModelConfig, looks: Tensor, margin: int) -> FrameCrop | None:
    """Return the crop that a viewport sees, or None for the whole frame.

    It is the whole frame if there is not exactly one look.

    Args:
        looks: float64 N×4.
        margin: pixels of the embedding around those that are sampled.
    """
    if len(looks) != 1:
        return None
    crop = look_crop(config, Look(*(float(value) for value in looks[0])), margin)
    return None if crop.is_whole else crop


def look_crop(config: ModelConfig, look: Look, margin: int) -> FrameCrop:
    """Return the crop that a viewport sees, with ``margin`` as in `seen_crop`."""
    rows, columns = config.embedding_size
    aspect = config.viewport_height / config.viewport_width
    low, high, aside = _bounds(look.pitch, look.roll, look.hfov, aspect)
    top = math.floor((0.5 - high / math.pi) * rows) - margin
    end = math.ceil((0.5 - low / math.pi) * rows) + margin
    half = math.ceil(aside / (2 * math.pi) * columns) + margin
    if top < 0 or end > rows or 2 * half + 1 + _STEP > columns:
        # Beyond a pole lies the opposite meridian.
        half = columns
    top, end = max(top, 0), min(end, rows)
    height = min(-(-(end - top) // _STEP) * _STEP, rows)
    top = min(top, rows - height)
    if half == columns:
        return FrameCrop(top, 0, height, columns, rows, columns)
    centre = math.floor((look.yaw / (2 * math.pi) + 0.5) * columns)
    width = -(-(2 * half + 1) // _STEP) * _STEP
    return FrameCrop(top, (centre - half) % columns, height, width, rows, columns)


def largest_crop(config: ModelConfig, margin: int, pitch_deg: int = 90) -> tuple[int, int]:
    """Return height and width that hold `look_crop` of every look of the trained widths.

    Args:
        pitch_deg: of the highest and the lowest looks.
    """
    widest = math.radians(config.hfov_deg * (1 + config.hfov_jitter))
    # A wider margin covers the pitches between these.
    looks = [Look(0.0, math.radians(k), 0.0, widest) for k in range(pitch_deg + 1)]
    crops = [look_crop(config, look, margin + 1) for look in looks]
    return max(crop.height for crop in crops), max(crop.width for crop in crops)


class KeptCrop:
    """The frame and the crop whose features are kept for the next looks."""

    def __init__(self) -> None:
        self._frame: int | None = None
        self._crop: FrameCrop | None = None

    def covering(
        self,
        frame: int,
        wanted: FrameCrop | None,
        compute: Callable[[FrameCrop | None], FrameCrop | None],
    ) -> FrameCrop | None:
        """Return the kept crop; if it is not one of ``frame`` that covers ``wanted``, renew it.

        Args:
            compute: computes the features of a crop of the frame, or of a larger one, and returns
                that crop.
        """
        if self._frame != frame or not self._covers(wanted):
            self._frame = None  # an interruption leaves the features half computed
            self._crop = compute(wanted)
            self._frame = frame
        return self._crop

    def _covers(self, wanted: FrameCrop | None) -> bool:
        return self._crop is None or (wanted is not None and self._crop.contains(wanted))


def project(
    features: Tensor, look: Tensor, size: tuple[int, int], crop: FrameCrop | None = None
) -> Tensor:
    """Project features to viewports N×c×size, bilinear (paper, section 2.2).

    Args:
        features: widened by one pixel a side (`nerv360.geometry.pad_erp`); of the whole frame, or
            of ``crop``.
        look: float64 N×4.
    """
    height, width = features.shape[-2:]
    if crop is None:
        return sample_padded(features, viewport_grid(look, size, (height, width)))
    return sample_padded(features, crop.grid(*viewport_angles(look, size), height - 2))


@functools.lru_cache(maxsize=256)
def _bounds(pitch: float, roll: float, hfov: float, aspect: float) -> tuple[float, float, float]:
    """Return lowest and highest latitude in a viewport, and largest longitude from its centre.

    They are on its border, unless it shows a pole.

    Args:
        aspect: height over width.
    """
    look = Look(0.0, pitch, roll, hfov)
    rotation, tangent = look.rotation(), look.half_extent
    rows, columns = _SAMPLED_ROWS, round(_SAMPLED_ROWS / aspect)
    x = ((np.arange(columns) + 0.5) / columns * 2 - 1) * tangent
    y = (1 - (np.arange(rows) + 0.5) / rows * 2) * (rows / columns) * tangent
    edges = [np.stack([x, np.full_like(x, y[k])]) for k in (0, -1)]
    edges += [np.stack([np.full_like(y, x[k]), y]) for k in (0, -1)]
    east, up, south = rotation[:, :2] @ np.concatenate(edges, 1) + rotation[:, 2:]
    latitude, aside = np.arctan2(up, np.hypot(east, south)), np.abs(np.arctan2(-south, east))
    low, high, furthest = float(latitude.min()), float(latitude.max()), float(aside.max())
    for pole in (1, -1):
        right, above, ahead = (float(pole * part) for part in rotation[1])
        if ahead > 0 and abs(right) <= ahead * tangent and abs(above) <= ahead * tangent * aspect:
            furthest = math.pi
            low, high = min(low, pole * math.pi / 2), max(high, pole * math.pi / 2)
    return low, high, furthest
