"""Late-afternoon light: sun, sky light, shadows, haze, and conversion to display values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing.solids import FAR
from nerv360.lab.synthetic.drawing.stage import Placed

SUN_YAW, SUN_PITCH = math.radians(-62.0), math.radians(27.0)
SUN = (
    math.cos(SUN_PITCH) * math.sin(SUN_YAW),
    math.sin(SUN_PITCH),
    math.cos(SUN_PITCH) * math.cos(SUN_YAW),
)
SUN_COLOUR = (3.35, 2.45, 1.45)
SKY_COLOUR = (0.40, 0.52, 0.76)
BOUNCE_COLOUR = (0.34, 0.26, 0.18)
HAZE_DISTANCE = 900.0
_EXTENT, _CENTRE = 70.0, (2.0, 0.0, 12.0)


def colour(values: Sequence[float], like: Tensor) -> Tensor:
    """Return a colour 3×1 on the device of ``like``."""
    return torch.tensor(values, device=like.device, dtype=torch.float32)[:, None]


def mix(a: Tensor, b: Tensor, amount: Tensor) -> Tensor:
    """Blend ``a`` (``amount`` 0) and ``b`` (``amount`` 1); colours 3×N, amount N."""
    return a + (b - a) * amount


class ShadowMap:
    """Reach of sunlight, on a grid across the sun's direction.

    Shadow edges are a few cells wide: the mean of nine neighbouring tests.

    Args:
        solids: those that cast shadows.
        device: to compute on.
        side: cells along a side of the grid, which covers the town.
    """

    def __init__(self, solids: Sequence[Placed], device: torch.device, side: int) -> None:
        self._side = side
        self._sun = torch.tensor(SUN, device=device)
        right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], device=device), self._sun)
        self._right = right / right.norm()
        self._up = torch.linalg.cross(self._sun, self._right)
        self._centre = torch.tensor(_CENTRE, device=device)
        self._depth = torch.full((side, side), FAR, device=device)
        texel = 2 * _EXTENT / side
        for placed in solids:
            if not placed.casts:
                continue
            centre, radius = placed.sphere
            offset = torch.tensor(centre, device=device) - self._centre
            x, y = float(offset @ self._right), float(offset @ self._up)
            left, right_ = (int((v + _EXTENT) / texel) for v in (x - radius, x + radius))
            low, high = (int((v + _EXTENT) / texel) for v in (y - radius, y + radius))
            left, low = max(left - 1, 0), max(low - 1, 0)
            right_, high = min(right_ + 2, side), min(high + 2, side)
            if left >= right_ or low >= high:
                continue
            xs = (torch.arange(left, right_, device=device) + 0.5) * texel - _EXTENT
            ys = (torch.arange(low, high, device=device) + 0.5) * texel - _EXTENT
            grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
            o = (
                (self._centre + self._sun * 200.0)[:, None]
                + self._right[:, None] * grid_x.reshape(-1)
                + self._up[:, None] * grid_y.reshape(-1)
            )
            o, d = placed.to_local(o, (-self._sun)[:, None])
            t = placed.solid.hit(o, d).reshape(high - low, right_ - left)
            block = self._depth[low:high, left:right_]
            block.copy_(torch.minimum(block, t))

    def lit(self, p: Tensor, n: Tensor) -> Tensor:
        """Return the share of the sun seen from points 3×N with normals n, 0 to 1."""
        q = p + n * 0.06 - self._centre[:, None]
        x, y, along = (
            axis[0] * q[0] + axis[1] * q[1] + axis[2] * q[2]
            for axis in (self._right, self._up, self._sun)
        )
        texel = 2 * _EXTENT / self._side
        column, row = (x + _EXTENT) / texel, (y + _EXTENT) / texel
        limit = 200.0 - along - max(0.08, texel)
        total = torch.zeros_like(x)
        for dy in (-1.7, 0.0, 1.7):
            for dx in (-1.7, 0.0, 1.7):
                i = (column + dx).long().clamp(0, self._side - 1)
                j = (row + dy).long().clamp(0, self._side - 1)
                total += (self._depth[j, i] > limit).float()
        outside = torch.maximum((x).abs(), (y).abs()) > _EXTENT - 1
        return torch.where(outside, 1.0, total / 9.0)


def illuminate(albedo: Tensor, n: Tensor, lit: Tensor) -> Tensor:
    """Return the light reflected by a matt surface with normals n, linear 3×N."""
    towards_sun = (n[0] * SUN[0] + n[1] * SUN[1] + n[2] * SUN[2]).clamp_min(0.0) * lit
    up = n[1] * 0.5 + 0.5
    light = colour(SUN_COLOUR, n) * towards_sun
    light = light + colour(SKY_COLOUR, n) * (0.25 + 0.75 * up)
    return albedo * (light + colour(BOUNCE_COLOUR, n) * (1 - up)) * 0.55


def haze_colour(d: Tensor) -> Tensor:
    """Return the colour of the haze along unit directions 3×N: warmer towards the sun; linear."""
    length = torch.hypot(d[0], d[2]).clamp_min(1e-6)
    level = math.hypot(SUN[0], SUN[2])
    facing = ((d[0] * SUN[0] + d[2] * SUN[2]) / (length * level)) * 0.5 + 0.5
    warm, cool = colour((1.08, 0.80, 0.55), d), colour((0.62, 0.70, 0.82), d)
    return mix(cool, warm, facing * facing)


def through_air(light: Tensor, d: Tensor, t: Tensor) -> Tensor:
    """Return ``light`` 3×N after t metres of haze along d."""
    return mix(light, haze_colour(d), 1.0 - torch.exp(-t / HAZE_DISTANCE))


def display(light: Tensor) -> Tensor:
    """Convert linear light to display values in [0, 1] with a filmic shoulder and toe."""
    x = light.clamp_min(0.0) * 0.74
    film = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    return film.clamp(0.0, 1.0).pow(1 / 2.2)
