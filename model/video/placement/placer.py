"""Resampling of pictures to equirectangular (ERP) frames, by a map that is computed once."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.video.placement.cube_faces import Atlas
from nerv360.video.placement.declared import Placement
from nerv360.video.placement.straight import Straight

_BAND_PIXELS = 2**20
"""Pixels that are sampled at once: their floats are small beside the frame."""


class Placer:
    """Resampler of pictures of one size to an ERP frame of another.

    Attributes:
        covered: bool, height×width, which pixels have a picture; None if all have.
    """

    def __init__(
        self, placement: Placement, picture_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        """Compute the map, 8 bytes a pixel of the frame; none if resizing and shifting will do.

        Args:
            picture_size: height and width of the pictures, all their parts included.
            size: height and width of the frame.

        Raises:
            ValueError: a picture of this size cannot be cut into the faces of a cubemap.
        """
        self._size, self._rows_and_columns = size, placement.part.cut(*picture_size)
        rows, columns = self._rows_and_columns
        part_size = rows.stop - rows.start, columns.stop - columns.start
        self.covered = placement.covered(*size)
        self._sheet: _Sheet | None = None
        self._straight: Straight | None = None
        plain = size == part_size and placement == Placement(part=placement.part)
        if not plain:
            self._straight = Straight.of(placement, part_size, size)
        if not plain and self._straight is None:
            kind = _EquirectangularSheet if placement.cube is None else _CubeSheet
            self._sheet = kind(placement, part_size, size)

    def place(self, picture: Tensor) -> Tensor:
        """Return the ERP frame of a picture, uint8 H×W×C both, black where it is not covered.

        Samples are bilinear, and antialiased if the frame is smaller than the picture.
        """
        picture = picture[self._rows_and_columns]
        if self._straight is not None:
            return self._straight.place(picture)
        if self._sheet is None:
            return picture
        sheet = self._sheet.build(picture.permute(2, 0, 1))[None].float()
        frame = torch.empty(*self._size, picture.shape[-1], dtype=torch.uint8)
        band = max(1, _BAND_PIXELS // self._size[1])
        for top in range(0, self._size[0], band):
            grid = self._sheet.grid[None, top : top + band]
            samples = F.grid_sample(sheet, grid, padding_mode="border", align_corners=False)[0]
            frame[top : top + band] = samples.round_().clamp_(0, 255).byte().permute(1, 2, 0)
        if self.covered is not None:
            frame *= self.covered[..., None]
        return frame


class _Sheet(Protocol):
    """Picture from which bilinear samples need no regard for edges.

    Attributes:
        grid: for `grid_sample`, H×W×2, where each pixel of the frame lies in the sheet.
    """

    grid: Tensor

    def build(self, picture: Tensor) -> Tensor:
        """Return the sheet of a C×H×W picture."""


class _EquirectangularSheet:
    """ERP picture, continued over ±180° and the poles, and then reduced."""

    def __init__(
        self, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        (height, width), (left, top, right, bottom) = part_size, placement.bounds
        full_height, full_width = height / (1 - top - bottom), width / (1 - left - right)
        ratios = max(full_height / size[0], 1.0), max(full_width / size[1], 1.0)
        # So many pixels reach into a reduced one, on either side.
        rows, columns = (min(math.ceil(2 * r), n) for r, n in zip(ratios, part_size, strict=True))
        whole = left == right == 0
        self._columns = columns if whole else 0
        self._above = rows if whole and top == 0 else 0
        self._below = rows if whole and bottom == 0 else 0
        padded = height + self._above + self._below, width + 2 * self._columns
        self._reduced = tuple(round(side / r) for side, r in zip(padded, ratios, strict=True))
        self._padded = padded
        longitude, latitude = placement.seen_angles(*size)
        x = (longitude / (2 * math.pi) + 0.5 - left) * full_width + self._columns
        y = (0.5 - latitude / math.pi - top) * full_height + self._above
        self.grid = torch.stack([x * (2 / padded[1]) - 1, y * (2 / padded[0]) - 1], -1)

    def build(self, picture: Tensor) -> Tensor:
        half = picture.shape[-1] // 2
        above = picture[:, : self._above].flip(1).roll(half, 2)
        below = picture[:, picture.shape[1] - self._below :].flip(1).roll(half, 2)
        padded = torch.cat([above, picture, below], 1)
        if self._columns:
            last, first = padded[..., -self._columns :], padded[..., : self._columns]
            padded = torch.cat([last, padded, first], 2)
        return _reduced(padded[None], *self._reduced)[0]


class _CubeSheet:
    """Faces of a cubemap, reduced, in an atlas."""

    def __init__(
        self, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        assert placement.cube is not None
        self._cube = placement.cube
        # In the middle of a flat face a radian has half of its pixels.
        enough = math.ceil(max(size[0] * 2, size[1]) / math.pi)
        face = self._cube.face_size(*part_size)
        self._face = min(face[0], enough), min(face[1], enough)
        self._atlas = Atlas(self._cube, *self._face)
        position = self._atlas.positions(*self._cube.locate(placement.seen_directions(*size)))
        height, width = 6 * (self._face[0] + 2), self._face[1] + 2
        self.grid = torch.stack([position[0] * (2 / width) - 1, position[1] * (2 / height) - 1], -1)

    def build(self, picture: Tensor) -> Tensor:
        return self._atlas.build(_reduced(self._cube.cut(picture), *self._face))


def _reduced(pictures: Tensor, height: int, width: int) -> Tensor:
    """Reduce N×C×H×W uint8 pictures, antialiased."""
    if pictures.shape[2:] == (height, width):
        return pictures
    return F.interpolate(pictures, (height, width), mode="bilinear", antialias=True)
