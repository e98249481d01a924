"""Walls with windows, doors and shutters, and roofs with tiles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing import (
    Colour,
    Surface,
    along_face,
    colour,
    fbm,
    hash01,
    inside,
    mix,
    rectangle,
)

_FRAME, _GLASS = (0.80, 0.77, 0.70), (0.045, 0.065, 0.09)


@dataclass(frozen=True)
class Facade:
    """The four walls of a house.

    Attributes:
        wall, shutter: colours.
        width, depth, height: of the house, in metres.
        storeys: number of rows of windows; the lowest has a door in the middle of each wall.
        brick: brickwork instead of plaster.
        seed: chooses which windows are lit.
    """

    wall: Colour
    shutter: Colour
    width: float
    depth: float
    height: float
    storeys: int
    brick: bool = False
    seed: int = 0

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        u, v = along_face(p, n), p[1]
        across = n[0].abs() > n[2].abs()
        length = torch.where(across, self.depth, self.width)
        bays = (length / 2.35).floor().clamp_min(1.0)
        bay = length / bays
        column = ((u + length / 2) / bay).floor()
        storey = self.height / self.storeys
        row = (v / storey).floor()
        cu = u + length / 2 - (column + 0.5) * bay
        cv = v - row * storey - storey * 0.52
        tone = self._brick(u, v, size) if self.brick else self._plaster(u, v, size)

        ground_floor = row < 0.5
        door = ground_floor & ((column - (bays - 1) / 2).abs() < 0.6) & (bays.remainder(2) > 0.5)
        half_v = 0.24 * storey
        window = rectangle(cu, cv, 0.46, half_v)
        trim = inside(window - 0.13, size) * (~door)
        frame = inside(window, size) * (~door)
        pane = torch.maximum(
            window + 0.06, 0.035 - torch.minimum(cu.abs(), (cv - 0.25 * half_v).abs())
        )
        glass = inside(pane, size) * (~door)
        sill = inside(rectangle(cu, cv + half_v + 0.16, 0.66, 0.06), size) * (~door)
        leaf_u = cu.abs() - 0.46 - 0.27
        leaf = inside(rectangle(leaf_u, cv, 0.22, half_v + 0.03), size) * (~door)
        slat = (cv / 0.13 - (cv / 0.13).floor() - 0.5).abs() * 0.13 - 0.045
        slats = 0.72 + 0.28 * mix_fade(inside(slat, size), 0.69, size / 0.13)
        roomy = (bay > 1.9).float() * (~ground_floor)

        stone = colour(tuple(0.55 + 0.35 * c for c in self.wall), p)
        base = inside(v - 0.55, size)
        band = inside((v - row * storey - 0.02).abs() - 0.09, size) * (row > 0.5)
        cornice = inside(self.height - 0.28 - v, size)
        tone = mix(tone, colour((0.36, 0.33, 0.30), p), base * 0.85)
        tone = mix(tone, stone, torch.maximum(band, cornice) * 0.8)
        tone = mix(tone, stone, trim)
        tone = mix(tone, colour(self.shutter, p) * slats, leaf * roomy)
        tone = mix(tone, stone * 1.05, sill)
        tone = mix(tone, colour(_FRAME, p), frame)
        tone = mix(tone, colour(_GLASS, p), glass)

        entry = torch.minimum(rectangle(cu, v - 0.8, 0.64, 0.8), torch.hypot(cu, v - 1.6) - 0.64)
        entry_in = inside(entry, size) * door
        tone = mix(tone, stone, inside(entry - 0.16, size) * door)
        seam = inside((cu.abs() - 0.31).abs() - 0.02, size)
        tone = mix(tone, colour(self.shutter, p) * (0.75 - 0.3 * seam), entry_in)

        lit = (hash01(column + across * 50, row, self.seed) > 0.80).float()
        curtain = ((cv / half_v) * 0.5 + 0.5).clamp(0.0, 1.0)
        mirror = colour((0.16, 0.22, 0.30), p) * (0.35 + 0.65 * curtain)
        warm = colour((1.15, 0.66, 0.22), p) * (0.55 + 0.35 * curtain)
        return Surface(tone, mix(mirror, warm, lit) * glass)

    def _plaster(self, u: Tensor, v: Tensor, size: Tensor) -> Tensor:
        stain = fbm(u * 0.5 + self.seed, v * 0.32, 4, 13, size)
        return colour(self.wall, u[None]) * (0.86 + 0.28 * stain)

    def _brick(self, u: Tensor, v: Tensor, size: Tensor) -> Tensor:
        course = (v / 0.16).floor()
        x = u / 0.42 + 0.5 * course.remainder(2.0)
        index = x.floor()
        joint = torch.minimum(
            0.5 * 0.42 - ((x - index) - 0.5).abs() * 0.42,
            0.5 * 0.16 - ((v / 0.16 - course) - 0.5).abs() * 0.16,
        )
        fade = size / 0.16
        shade = mix_fade(hash01(index, course, self.seed + 3), 0.5, fade)
        mortar = mix_fade(inside(joint - 0.014, size), 0.2, fade)
        tone = colour(self.wall, u[None]) * (0.80 + 0.40 * shade)
        return mix(tone, colour((0.50, 0.45, 0.40), u[None]), mortar * 0.7)


def mix_fade(pattern: Tensor, mean: float, coarse: Tensor) -> Tensor:
    """Fade a pattern to its mean as samples become as large as its period."""
    keep = (1.6 - 1.6 * coarse).clamp(0.0, 1.0)
    return mean + (pattern - mean) * keep


@dataclass(frozen=True)
class Tiles:
    """Rounded roof tiles in staggered rows; works on any slope."""

    tone: Colour
    tile: float = 0.34
    seed: int = 0

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        slope = torch.hypot(n[0], n[2]).clamp_min(0.05)
        v = p[1] / slope
        u = torch.where(n[0].abs() > n[2].abs(), p[2], p[0])
        row = (v / self.tile).floor()
        x = u / (self.tile * 0.8) + 0.5 * row.remainder(2.0)
        index = x.floor()
        fx, fy = x - index - 0.5, v / self.tile - row
        fade = size / self.tile
        tile = mix_fade(hash01(index, row, self.seed), 0.5, fade)
        shadow = (1.0 - fy) ** 2 * 0.5 + (fx * fx) * 1.2
        shadow = mix_fade(shadow.clamp(0.0, 1.0), 0.27, fade)
        moss = fbm(u * 0.35 + self.seed, v * 0.35, 3, 23, size)
        tone = colour(self.tone, p) * (0.84 + 0.44 * tile - 0.55 * (shadow - 0.27))
        return Surface(mix(tone, colour((0.30, 0.25, 0.15), p), ((moss - 0.52) * 2).clamp(0, 0.5)))
