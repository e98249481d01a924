"""Re-project pictures: seen from another direction, each is an exact rotation of itself."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from nerv360.geometry import Look, angles_to_directions, vertical_fov

OVERLAP = 0.96
"""Central share of a picture that `covering_looks` counts as covered."""


def project(directions: Tensor, look: Look, height: float, width: float) -> tuple[Tensor, Tensor]:
    """Project world directions into a rectilinear picture; the inverse of `viewport_directions`.

    Args:
        directions: …×3, of any length.
        look: the picture's.
        height, width: the picture's size; only their ratio matters.

    Returns:
        Coordinates …×2 for `torch.nn.functional.grid_sample` (x to the right, y downwards, borders
            at ±1), and booleans …, True if the direction is in the picture.
    """
    rotation = torch.as_tensor(look.rotation(), dtype=directions.dtype, device=directions.device)
    camera = directions @ rotation
    depth = camera[..., 2].clamp_min(1e-6)
    tangent = look.half_extent
    x = camera[..., 0] / (depth * tangent)
    y = -camera[..., 1] / (depth * tangent * height / width)
    inside = (camera[..., 2] > 1e-6) & (x.abs() <= 1) & (y.abs() <= 1)
    return torch.stack([x, y], -1), inside


@functools.lru_cache(maxsize=32)
def covering_looks(hfov: float, height: int, width: int) -> tuple[Look, ...]:
    """Return looks whose height×width pictures together show the whole sphere.

    They overlap a little: every direction is within the central `OVERLAP` of at least one. They lie
    in rows of equal pitch, each with as few looks as cover its band of latitudes.

    Args:
        hfov: horizontal field of view of all of them, radians.
    """
    best: tuple[Look, ...] = ()
    least = math.ceil(math.pi / vertical_fov(hfov, height, width))
    for rows in range(least, 2 * least + 6):
        looks: list[Look] = []
        band = math.pi / rows
        for row in range(rows):
            pitch = -math.pi / 2 + band * (row + 0.5)
            count = _looks_around(hfov, height, width, pitch, band)
            if not count:
                break
            looks += [Look(2 * math.pi * k / count, pitch, 0.0, hfov) for k in range(count)]
        else:
            if best and len(looks) >= len(best):
                return best
            best = tuple(looks)
    return best


def _looks_around(hfov: float, height: int, width: int, pitch: float, band: float) -> int:
    """Return how many looks of one pitch cover its band of latitudes; 0 if none do."""
    latitude = torch.linspace(pitch - band / 2, pitch + band / 2, 33, dtype=torch.float64)
    along_the_middle = math.atan2(math.tan(hfov / 2), math.cos(pitch))
    least = math.ceil(math.pi / along_the_middle)
    for count in range(least, 4 * least + 8):
        longitude = torch.linspace(0, math.pi / count, 17, dtype=torch.float64)
        grid = torch.meshgrid(latitude, longitude, indexing="ij")
        look = Look(0.0, pitch, 0.0, hfov)
        place, inside = project(angles_to_directions(grid[1], grid[0]), look, height, width)
        if bool((inside & (place.abs().amax(-1) < OVERLAP)).all()):
            return count
    return 0
