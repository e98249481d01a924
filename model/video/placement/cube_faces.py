"""Cubemaps: places of their six faces in a picture and on the sphere.

A face is a tile of the picture with three world directions: straight ahead through its middle, to
its right and up, as the tile shows them. Positions on a face are u (to the right) and v (upwards)
in [−1, 1].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_FRONT, _UP, _RIGHT = (1, 0, 0), (0, 1, 0), (0, 0, -1)
_BACK, _DOWN, _LEFT = (-1, 0, 0), (0, -1, 0), (0, 0, 1)
_Axis = tuple[int, int, int]


class Face(NamedTuple):
    """World axes (X, Y, Z) of one tile of a cubemap."""

    ahead: _Axis
    right: _Axis
    up: _Axis


CUBEMAP_FACES = (
    Face(_RIGHT, _BACK, _UP),
    Face(_LEFT, _FRONT, _UP),
    Face(_UP, _RIGHT, _BACK),
    Face(_DOWN, _RIGHT, _FRONT),
    Face(_FRONT, _RIGHT, _UP),
    Face(_BACK, _LEFT, _UP),
)
"""Layout 0 of the `cbmp` box in Google's Spherical Video V2: three tiles above three."""

EAC_FACES = (
    Face(_LEFT, _FRONT, _UP),
    Face(_FRONT, _RIGHT, _UP),
    Face(_RIGHT, _BACK, _UP),
    Face(_DOWN, _BACK, _RIGHT),
    Face(_BACK, _UP, _RIGHT),
    Face(_UP, _FRONT, _RIGHT),
)
"""The usual equi-angular cubemap (EAC): each row is one strip without a break, the lower lies."""


class Cube(NamedTuple):
    """Arrangement of faces, and how positions on them follow from angles.

    Attributes:
        faces: the six tiles, row by row, three a row.
        equi_angular: equal steps on a face are equal angles, not equal steps on a flat side.
        padding: pixels around each tile that belong to no face.
    """

    faces: tuple[Face, ...]
    equi_angular: bool
    padding: int

    def face_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width in pixels of a face in a picture of this size.

        Raises:
            ValueError: the picture has not two rows of three equal tiles.
        """
        rows, columns = height // 2 - 2 * self.padding, width // 3 - 2 * self.padding
        if height % 2 or width % 3 or min(rows, columns) < 2:
            raise ValueError(f"{width}x{height} is not three by two equal tiles")
        return rows, columns

    def cut(self, picture: Tensor) -> Tensor:
        """Cut a C×H×W picture into its faces, 6×C×h×w."""
        height, width = self.face_size(*picture.shape[1:])
        rows, columns = picture.shape[1] // 2, picture.shape[2] // 3
        tiles = picture.reshape(-1, 2, rows, 3, columns).permute(1, 3, 0, 2, 4).flatten(0, 1)
        padding = self.padding
        return tiles[..., padding : padding + height, padding : padding + width]

    def locate(self, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the face, u and v in which each direction …×3 is seen."""
        axes = torch.tensor(self.faces, dtype=directions.dtype)  # 6, 3 axes, XYZ
        depth, face = (directions @ axes[:, 0].T).max(-1)
        # A loop, not a gather of axes for each pixel: the memory of one mask at a time.
        u, v = torch.empty_like(depth), torch.empty_like(depth)
        for index in range(6):
            here = face == index
            seen = directions[here] @ axes[index, 1:].T / depth[here, None]
            u[here], v[here] = seen.unbind(-1)
        if self.equi_angular:
            u, v = u.atan() * (4 / math.pi), v.atan() * (4 / math.pi)
        return face, u, v

    def directions(self, face: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Return directions …×3, the inverse of `locate`; u and v may lie beyond the face."""
        if self.equi_angular:
            u, v = (u * (math.pi / 4)).tan(), (v * (math.pi / 4)).tan()
        axes = torch.tensor(self.faces, dtype=u.dtype)[face]
        return axes[..., 0, :] + u[..., None] * axes[..., 1, :] + v[..., None] * axes[..., 2, :]


class Atlas:
    """Faces one below the other, each with a rim of its neighbours' pixels.

    With the rim a bilinear sample near an edge mixes both faces, as if there were no edge.
    """

    def __init__(self, cube: Cube, height: int, width: int) -> None:
        """Prepare the rims of faces that are ``height``×``width``."""
        self._size = height, width
        rows = torch.arange(-1, height + 1)
        columns = torch.arange(-1, width + 1)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        outside = (y < 0) | (y >= height) | (x < 0) | (x >= width)
        y, x = y[outside], x[outside]
        face = torch.arange(6)[:, None].expand(6, len(y))
        u = ((x + 0.5) / width * 2 - 1).expand_as(face)
        v = (1 - (y + 0.5) / height * 2).expand_as(face)
        seen, u, v = cube.locate(cube.directions(face, u, v))
        column = ((u + 1) / 2 * width).long().clamp(0, width - 1)
        row = ((1 - v) / 2 * height).long().clamp(0, height - 1)
        self._outside = outside
        self._neighbour = (seen * height + row) * width + column

    def build(self, faces: Tensor) -> Tensor:
        """Return the atlas, C×6(h+2)×(w+2), of faces 6×C×h×w."""
        height, width = self._size
        atlas = F.pad(faces, (1, 1, 1, 1))
        flat = faces.transpose(0, 1).flatten(1)  # C, 6·h·w
        atlas.transpose(0, 1)[:, :, self._outside] = flat[:, self._neighbour]
        return atlas.transpose(0, 1).reshape(-1, 6 * (height + 2), width + 2)

    def positions(self, face: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and y in pixels of the atlas (a pixel's centre at a half)."""
        height, width = self._size
        x = 1 + (u + 1) / 2 * width
        y = face * (height + 2) + 1 + (1 - v) / 2 * height
        return x, y
