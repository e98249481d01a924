"""Cobbles of the square, the compass rose in its middle, and the stones of the quay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing import Surface, colour, fbm, hash01, inside, mix, text_distance
from nerv360.lab.synthetic.town.facades import mix_fade

_ROSE = 3.1
_CREAM, _NAVY, _BRICK = (0.74, 0.66, 0.52), (0.08, 0.14, 0.24), (0.52, 0.17, 0.10)


@dataclass(frozen=True)
class Pavement:
    """Cobbles on top and blocks on the sides, with the compass rose around the scene's origin.

    Attributes:
        at: position of the object's origin in the scene, metres east and north.
    """

    at: tuple[float, float]

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        east, north = p[0] + self.at[0], p[2] + self.at[1]
        top = (n[1] > 0.5).float()
        return Surface(mix(self._blocks(p, n, size), self._cobbles(east, north, size), top))

    @staticmethod
    def _blocks(p: Tensor, n: Tensor, size: Tensor) -> Tensor:
        u = torch.where(n[0].abs() > 0.5, p[2], p[0])
        course = (p[1] / 0.55).floor()
        x = u / 1.3 + 0.37 * course
        index = x.floor()
        joint = torch.minimum(
            0.65 - ((x - index) - 0.5).abs() * 1.3,
            0.275 - ((p[1] / 0.55 - course) - 0.5).abs() * 0.55,
        )
        shade = 0.75 + 0.35 * hash01(index, course, 9) + 0.3 * fbm(u * 2, p[1] * 2, 3, 3, size * 2)
        stone = colour((0.34, 0.30, 0.25), p) * shade
        wet = inside(p[1] + 0.75, size)
        stone = mix(stone, colour((0.10, 0.12, 0.08), p), wet * 0.75)
        return stone * (1 - 0.6 * inside(joint - 0.03, size))

    def _cobbles(self, east: Tensor, north: Tensor, size: Tensor) -> Tensor:
        like = east[None]
        radius = torch.hypot(east, north)
        # Stones in rings around the rose, in straight rows farther out.
        ring = (radius / 0.3).floor()
        stones = ring * 6 + 3
        around = torch.atan2(east, north) / (2 * math.pi) * stones
        straight = radius > 9.0
        row = torch.where(straight, (north / 0.3).floor(), ring)
        x = torch.where(straight, east / 0.36 + 0.5 * row.remainder(2.0), around)
        y = torch.where(straight, north / 0.3 - row, radius / 0.3 - ring)
        index = x.floor()
        fx, fy = (x - index - 0.5) * 0.36, (y - 0.5) * 0.3
        corner = torch.hypot((fx.abs() - 0.10).clamp_min(0), (fy.abs() - 0.08).clamp_min(0))
        joint = 1 - inside(corner - 0.055, size)
        fade = size / 0.3
        joint = mix_fade(joint, 0.25, fade)
        # The stone that lies across south, where the azimuth jumps, has one number.
        stone = torch.where(straight, index, index.remainder(stones))
        shade = mix_fade(hash01(stone, row, 77), 0.5, fade)
        patch = fbm(east * 0.22, north * 0.22, 4, 19, size * 0.22)
        tone = mix(colour((0.40, 0.345, 0.285), like), colour((0.50, 0.41, 0.32), like), patch)
        tone = tone * (0.78 + 0.40 * shade) * (1 - 0.50 * joint)
        border = inside((radius - 9.0).abs() - 0.16, size)
        tone = mix(tone, colour((0.56, 0.50, 0.42), like), border * 0.8)
        kerb = inside(5.55 - north, size) * inside(north - 6.2, size)
        seam = (east / 1.6 - (east / 1.6).floor() - 0.5).abs() * 1.6
        slab = colour((0.60, 0.54, 0.46), like) * (
            0.92 + 0.16 * hash01((east / 1.6).floor(), row * 0)
        )
        slab = slab * (1 - 0.5 * inside(0.8 - seam - 0.02, size))
        tone = mix(tone, slab, kerb * (east.abs() < 26).float())
        return mix(tone, self._rose(east, north, radius, size), inside(radius - _ROSE, size))

    @staticmethod
    def _rose(east: Tensor, north: Tensor, radius: Tensor, size: Tensor) -> Tensor:
        like = east[None]
        azimuth = torch.atan2(east, north)
        picture = colour(_CREAM, like) * (0.93 + 0.14 * fbm(east * 6, north * 6, 2, 4, size * 6))
        sector = math.pi / 2
        for reach, light, dark, turn in (
            (1.55, _BRICK, (0.72, 0.36, 0.20), math.pi / 4),
            (2.15, _NAVY, (0.30, 0.42, 0.52), 0.0),
        ):
            angle = azimuth - turn
            angle = angle - sector * ((angle / sector) + 0.5).floor()
            x, y = radius * angle.sin(), radius * angle.cos()
            # Kite: from the tip straight to the foot on the diagonal beside it.
            foot = reach * 0.20
            edge = (x.abs() * (reach - foot) + (y - reach) * foot) / math.hypot(reach - foot, foot)
            kite = inside(edge, size)
            half = inside(-x, size)
            picture = mix(picture, mix(colour(light, like), colour(dark, like), half), kite)
        for at, width, tone in (
            (_ROSE - 0.12, 0.10, _NAVY),
            (2.32, 0.03, _BRICK),
            (0.17, 0.17, _BRICK),
            (0.11, 0.11, _CREAM),
        ):
            picture = mix(picture, colour(tone, like), inside((radius - at).abs() - width, size))
        for letter, bearing in (("N", 0.0), ("E", 0.5), ("S", 1.0), ("W", 1.5)):
            cos, sin = math.cos(bearing * math.pi), math.sin(bearing * math.pi)
            # Each letter is upright when read from the middle.
            u = east * cos - north * sin
            v = east * sin + north * cos - 2.62
            ink = inside(text_distance(u, v, letter, 0.40, 0.2), size)
            picture = mix(picture, colour(_NAVY, like), ink)
        joint = (azimuth * 24 / math.pi - (azimuth * 24 / math.pi).floor() - 0.5).abs()
        grout = inside((0.5 - joint) * radius * math.pi / 24 - 0.006, size)
        return picture * (1 - 0.25 * grout * (radius > 0.5).float())
