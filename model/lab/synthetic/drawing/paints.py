"""Plain paints, and the masks used by all paints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing.glyphs import text_distance
from nerv360.lab.synthetic.drawing.light import colour, mix
from nerv360.lab.synthetic.drawing.noise import fbm, hash01
from nerv360.lab.synthetic.drawing.stage import Surface

Colour = tuple[float, float, float]


def inside(distance: Tensor, size: Tensor) -> Tensor:
    """Return 1 where a signed distance is negative, with an edge as wide as a sample."""
    return (0.5 - distance / size.clamp_min(1e-4)).clamp(0.0, 1.0)


def rectangle(u: Tensor, v: Tensor, half_u: float, half_v: float) -> Tensor:
    """Return the signed distance to a rectangle around the origin (exact along its edges)."""
    return torch.maximum(u.abs() - half_u, v.abs() - half_v)


def along_face(p: Tensor, n: Tensor) -> Tensor:
    """Return the horizontal position on a wall of a box, to the right as seen from outside."""
    return torch.where(n[0].abs() > n[2].abs(), p[2] * n[0].sign(), -p[0] * n[2].sign())


@dataclass(frozen=True)
class Plain:
    """One colour, slightly weathered."""

    tone: Colour
    grain: float = 0.15
    pitch: float = 3.0

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        if not self.grain:
            return Surface(colour(self.tone, p).expand(3, p.shape[1]))
        weather = fbm(
            (p[0] + p[2]) * self.pitch, (p[1] * 1.3 - p[2]) * self.pitch, 3, 7, size * self.pitch
        )
        return Surface(colour(self.tone, p) * (1 + (weather - 0.5) * 2 * self.grain))


@dataclass(frozen=True)
class Foliage:
    """Leaves: darker in the hollows, warmer outside."""

    inner: Colour
    outer: Colour
    pitch: float = 5.0

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        x, y = (p[0] + 0.6 * p[2]) * self.pitch, (p[1] + 0.5 * p[2]) * self.pitch
        leaves = fbm(x, y, 3, 41, size * self.pitch)
        amount = ((leaves - 0.5) * 1.8 + 0.45 + 0.3 * n[1]).clamp(0.0, 1.0)
        return Surface(mix(colour(self.inner, p), colour(self.outer, p), amount))


@dataclass(frozen=True)
class Stripes:
    """Stripes of two colours around the upright axis, or in rings along it.

    Attributes:
        first, second: the colours.
        count: pairs of stripes around the axis; 0 for rings.
        ring: height of a pair of rings in metres.
        turn: rotation of the stripes, radians.
    """

    first: Colour
    second: Colour
    count: int = 0
    ring: float = 2.0
    turn: float = 0.0

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        if self.count:
            radius = torch.hypot(p[0], p[2]).clamp_min(1e-3)
            pair = 2 * torch.pi * radius / self.count
            phase = (torch.atan2(p[0], p[2]) + self.turn) * self.count / (2 * torch.pi)
        else:
            pair = torch.full_like(p[0], self.ring)
            phase = p[1] / self.ring
        wave = ((phase - phase.floor()) - 0.5).abs() - 0.25
        return Surface(
            mix(colour(self.first, p), colour(self.second, p), inside(wave * pair, size))
        )


@dataclass(frozen=True)
class Planks:
    """Weathered boards across the x axis of an object."""

    tone: Colour
    board: float = 0.22

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        index = (p[2] / self.board).floor()
        gap = ((p[2] / self.board - index) - 0.5).abs() * self.board - self.board * 0.46
        board = hash01(index, index * 0 + 3, 12)
        grain = fbm(p[0] * 1.5, p[2] * 14, 3, 15, size * 14)
        tone = colour(self.tone, p) * (0.78 + 0.3 * board + (grain - 0.5) * 0.35)
        dark = (1 - inside(gap, size)) * (1 - 0.6 * (size / self.board).clamp(0, 1))
        return Surface(tone * (1 - 0.65 * dark))


@dataclass(frozen=True)
class Sign:
    """Board with one large letter above a line of text, on both faces across z.

    Attributes:
        letter, text: its text.
        width, height: of the board in metres, which stands on y = base.
        ground, ink: its colours.
    """

    letter: str
    text: str
    width: float
    height: float
    base: float
    ground: Colour
    ink: Colour

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface:
        u, v = along_face(p, n), p[1] - self.base - self.height / 2
        ground, ink = colour(self.ground, p), colour(self.ink, p)
        rim = rectangle(u, v, self.width / 2 - 0.10, self.height / 2 - 0.10)
        line = inside((rim + 0.03).abs() - 0.03, size)
        letter = text_distance(u, v - self.height * 0.14, self.letter, self.height * 0.42, 0.20)
        text = text_distance(u, v + self.height * 0.29, self.text, self.height * 0.19, 0.20)
        mark = torch.maximum(inside(torch.minimum(letter, text), size), line)
        front = (n[2].abs() > 0.9).float()
        tone = mix(ground, ink, mark * front)
        # Like enamel, it keeps its colour in the shade.
        return Surface(tone, tone * 0.22)
