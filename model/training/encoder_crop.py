"""Crops of the frame that a step's looks depend on, so that only those are encoded.

A viewport sees a tenth to a half of the sphere, and the encoder took a third of a step. Pixels
outside a crop and its margin do not affect the decoded ones; they stay zero.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import Look, pad_erp, viewport_directions
from nerv360.networks import architecture_of, build_decoder, encoder_reach
from nerv360.reprojection import project
from nerv360.training.crops import Crop

_STEP = 8
"""Sizes are multiples of this, because convolutions are set up for each shape."""


@dataclass(frozen=True)
class EncoderCrop:
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

    def sample(self, part: Tensor, longitude: Tensor, latitude: Tensor) -> Tensor:
        """Sample the result of `cut`, N×C×h×w, bilinearly at angles h×w.

        The angles must lie inside it by at least a pixel of the embedding.
        """
        height, width = part.shape[-2:]
        scale = height // self.height
        column = (longitude / (2 * math.pi) + 0.5) * (scale * self.columns) - 0.5
        column = torch.remainder(column - scale * self.left, scale * self.columns)
        row = (0.5 - latitude / math.pi) * (scale * self.rows) - 0.5 - scale * self.top
        padded = pad_erp(part.float() if part.dtype.itemsize < 4 else part, 1)
        # The last column of a whole turn is less than a pixel from the first.
        grid = torch.stack(
            [(column + 1.5) / (width + 2) * 2 - 1, (row + 1.5) / (height + 2) * 2 - 1], -1
        )
        return torch.nn.functional.grid_sample(
            padded, grid[None].expand(part.shape[0], -1, -1, -1), padding_mode="border",
            align_corners=False,
        )  # fmt: skip


def seen_crop(config: ModelConfig, looks: Tensor) -> EncoderCrop:
    """Return the crop that viewports at ``looks``, float64 N×4, depend on.

    It is the whole frame if zeros surround the frame, if there is not exactly one look, and for
    full-frame decoders.
    """
    rows, columns = config.embedding_size
    whole = EncoderCrop(0, 0, rows, columns, rows, columns)
    if architecture_of(config).full_frame or config.erp_padding != "wrap" or len(looks) != 1:
        return whole
    look = Look(*(float(value) for value in looks[0]))
    low, high, aside = _bounds(look, config.viewport_height / config.viewport_width)
    margin = _reach(config)
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
        return EncoderCrop(top, 0, height, columns, rows, columns)
    centre = math.floor((look.yaw / (2 * math.pi) + 0.5) * columns)
    width = -(-(2 * half + 1) // _STEP) * _STEP
    return EncoderCrop(top, (centre - half) % columns, height, width, rows, columns)


def widened_crop(config: ModelConfig, crop: Crop) -> EncoderCrop:
    """Return the crop around a full-frame decoder's; the whole frame if features wrap."""
    rows, columns = config.embedding_size
    if crop.wrap:
        return EncoderCrop(0, 0, rows, columns, rows, columns)
    margin = crop.margin + encoder_reach(config)
    top, left = max(crop.top - margin, 0), max(crop.left - margin, 0)
    height = min(crop.top + crop.height + margin, rows) - top
    width = min(crop.left + crop.width + margin, columns) - left
    return EncoderCrop(top, left, height, width, rows, columns)


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
    _, inside = project(poles, look, aspect, 1.0)
    if bool(inside[0]):
        high = math.pi / 2
    if bool(inside[1]):
        low = -math.pi / 2
    furthest = math.pi if bool(inside.any()) else float(aside.abs().max())
    return low, high, furthest


@functools.lru_cache(maxsize=8)
def _reach(config: ModelConfig) -> int:
    """Return how many coarsest embedding pixels beyond a viewport its pixels depend on.

    They come from bilinear samples, the stem and the encoder, plus one because the look's edge lies
    between the points of `_bounds`.
    """
    stem = build_decoder(config, "meta").layout().stem
    before = stem.conv.kernel_size[0] // 2 + 2 * len(stem.residuals)
    return 3 + before + encoder_reach(config)
