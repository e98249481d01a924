"""Crops of the frame that looks see, and sampling of features in them.

Features of the sphere are computed in a crop with a margin as wide as convolutions reach. Padding
at a crop's border is wrong and stays within the margin. A crop that comes near a pole has all
columns, so that padding beyond the pole is right. If zeros surround the frame, a crop that
continues beyond its right edge is computed in two pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import (
    Look,
    pad_erp,
    sample_padded,
    viewport_angles,
    viewport_directions,
    viewport_grid,
)
from nerv360.reprojection import project as project_directions

SAMPLED_BESIDE = 3
"""Pixels of the embedding beside a look that samples of its features may read.

Two for bilinear sampling, one because a look's edge lies between the points at which `seen_crop`
finds it.
"""
COMPARED_BESIDE = 2
"""Pixels of the embedding beside a look whose colours its pictures and their alpha depend on."""
_STEP = 8
"""Sizes are multiples of this, because convolutions are set up for each shape."""


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

    def contains(self, other: FrameCrop) -> bool:
        """Return True if it has every pixel of ``other``, a crop of the same frame."""
        gap = (other.left - self.left) % self.columns
        columns = self.width == self.columns or gap + other.width <= self.width
        return columns and self.top <= other.top and other.bottom <= self.bottom

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

    def sample(self, part: Tensor, longitude: Tensor, latitude: Tensor) -> Tensor:
        """Sample the result of `cut`, N×C×h×w, bilinearly at angles h×w; see `grid`."""
        padded = pad_erp(part.float() if part.dtype.itemsize < 4 else part, 1)
        grid = self.grid(longitude, latitude, part.shape[-2])
        return sample_padded(padded, grid[None].expand(part.shape[0], -1, -1, -1))


def seen_crop(config: ModelConfig, looks: Tensor, margin: int) -> FrameCrop | None:
    """Return the crop that a viewport sees, or None for the whole frame.

    It is the whole frame if there is not exactly one look.

    Args:
        looks: float64 N×4.
        margin: pixels of the embedding around those that are sampled.
    """
    rows, columns = config.embedding_size
    if len(looks) != 1:
        return None
    look = Look(*(float(value) for value in looks[0]))
    low, high, aside = _bounds(look, config.viewport_height / config.viewport_width)
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
        crop = FrameCrop(top, 0, height, columns, rows, columns)
        return None if crop.is_whole else crop
    centre = math.floor((look.yaw / (2 * math.pi) + 0.5) * columns)
    width = -(-(2 * half + 1) // _STEP) * _STEP
    return FrameCrop(top, (centre - half) % columns, height, width, rows, columns)


def covers(crop: FrameCrop | None, other: FrameCrop | None) -> bool:
    """Return True if ``crop`` has every pixel of ``other``; None is the whole frame."""
    if crop is None or other is None:
        return crop is None
    return crop.contains(other)


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


def _bounds(look: Look, aspect: float) -> tuple[float, float, float]:
    """Return lowest and highest latitude in a viewport, and largest longitude from its centre."""
    height = 64
    directions = viewport_directions(look, height, round(height / aspect), "cpu")
    unit = directions / directions.norm(dim=-1, keepdim=True)
    latitude = unit[..., 1].asin()
    turned = torch.atan2(-unit[..., 2], unit[..., 0]) - look.yaw
    aside = torch.remainder(turned + math.pi, 2 * math.pi) - math.pi
    low, high = float(latitude.min()), float(latitude.max())
    poles = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], device="cpu")
    _, inside = project_directions(poles, look, aspect, 1.0)
    if bool(inside[0]):
        high = math.pi / 2
    if bool(inside[1]):
        low = -math.pi / 2
    furthest = math.pi if bool(inside.any()) else float(aside.abs().max())
    return low, high, furthest
