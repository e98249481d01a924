"""Solids with a closed formula for ray hits: convex polyhedra and round ones.

Axes of the scene: x east, y up, z north, in metres. Rays are o + t·d with o and d 3×N (or 3×1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

FAR = 1e9


def length(v: Tensor) -> Tensor:
    """Return the lengths N of vectors 3×N."""
    return (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()


class Solid(Protocol):
    """Closed surface around its own origin."""

    @property
    def reach(self) -> tuple[float, float]:
        """Height of the bounding sphere's centre above the origin, and its radius."""

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        """Return the distance N to the first point ahead, or `FAR`."""

    def normal(self, p: Tensor) -> Tensor:
        """Return outward unit normals 3×N at points of the surface."""


@dataclass(frozen=True)
class Convex:
    """Intersection of half-spaces n·p ≤ offset, given as (nx, ny, nz, offset)."""

    planes: tuple[tuple[float, float, float, float], ...]
    centre_height: float
    radius: float

    @property
    def reach(self) -> tuple[float, float]:
        return self.centre_height, self.radius

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        enter = torch.full_like(d[0] * o[0], -FAR)
        leave = torch.full_like(enter, FAR)
        for nx, ny, nz, offset in self.planes:
            slope = nx * d[0] + ny * d[1] + nz * d[2]
            # A parallel ray gets a huge but finite distance of the right sign.
            slope = torch.where(slope.abs() < 1e-9, torch.full_like(slope, 1e-9), slope)
            t = (offset - (nx * o[0] + ny * o[1] + nz * o[2])) / slope
            into = slope < 0
            nearer = torch.where(into, t, -FAR)
            farther = torch.where(into, FAR, t)
            enter = torch.maximum(enter, nearer)
            leave = torch.minimum(leave, farther)
        return torch.where((enter < leave) & (enter > 1e-3), enter, FAR)

    def normal(self, p: Tensor) -> Tensor:
        planes = torch.tensor(self.planes, device=p.device, dtype=p.dtype)
        above = planes[:, :3] @ p - planes[:, 3:]
        return planes[above.argmax(0), :3].T


def polyhedron(
    points_radius: float, centre_height: float, *planes: tuple[float, float, float, float]
) -> Convex:
    """Build a `Convex` from planes whose normals need not have unit length."""
    unit = []
    for nx, ny, nz, offset in planes:
        norm = math.sqrt(nx * nx + ny * ny + nz * nz)
        unit.append((nx / norm, ny / norm, nz / norm, offset / norm))
    return Convex(tuple(unit), centre_height, points_radius)


def box(width: float, height: float, depth: float, base: float = 0.0) -> Convex:
    """Build a box: width along x, depth along z, standing on y = base."""
    x, z, top = width / 2, depth / 2, base + height
    radius = math.sqrt(x * x + z * z + height * height / 4)
    return polyhedron(
        radius,
        base + height / 2,
        (1, 0, 0, x),
        (-1, 0, 0, x),
        (0, 1, 0, top),
        (0, -1, 0, -base),
        (0, 0, 1, z),
        (0, 0, -1, z),
    )


def gable(width: float, height: float, depth: float, base: float = 0.0) -> Convex:
    """Build a roof whose ridge runs along x."""
    x, z = width / 2, depth / 2
    offset = (base + height) * z
    return polyhedron(
        math.sqrt(x * x + z * z + height * height / 4),
        base + height / 2,
        (0, z, height, offset),
        (0, z, -height, offset),
        (0, -1, 0, -base),
        (1, 0, 0, x),
        (-1, 0, 0, x),
    )


def pyramid(width: float, height: float, depth: float, base: float = 0.0) -> Convex:
    """Build a roof with four slopes."""
    x, z, top = width / 2, depth / 2, base + height
    return polyhedron(
        math.sqrt(x * x + z * z + height * height / 4),
        base + height / 2,
        (height, x, 0, top * x),
        (-height, x, 0, top * x),
        (0, z, height, top * z),
        (0, z, -height, top * z),
        (0, -1, 0, -base),
    )


@dataclass(frozen=True)
class Frustum:
    """Upright cylinder or cone from y = base, radius ``low`` below and ``high`` above."""

    low: float
    high: float
    height: float
    base: float = 0.0

    @property
    def reach(self) -> tuple[float, float]:
        widest = max(self.low, self.high)
        return self.base + self.height / 2, math.hypot(widest, self.height / 2)

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        k = (self.high - self.low) / self.height
        r = self.low + k * (o[1] - self.base)
        a = d[0] * d[0] + d[2] * d[2] - k * k * d[1] * d[1]
        a = torch.where(a.abs() < 1e-9, torch.full_like(a, 1e-9), a)
        b = o[0] * d[0] + o[2] * d[2] - k * d[1] * r
        c = o[0] * o[0] + o[2] * o[2] - r * r
        root = (b * b - a * c).clamp_min(0.0).sqrt()
        best = torch.full_like(a * c, FAR)
        real = b * b - a * c >= 0
        for t in ((-b - root) / a, (-b + root) / a):
            y = o[1] + t * d[1] - self.base
            good = real & (t > 1e-3) & (y >= 0) & (y <= self.height)
            best = torch.where(good & (t < best), t, best)
        for level, radius in ((self.base, self.low), (self.base + self.height, self.high)):
            if radius > 0:
                fall = torch.where(d[1].abs() < 1e-9, torch.full_like(d[1], 1e-9), d[1])
                t = (level - o[1]) / fall
                x, z = o[0] + t * d[0], o[2] + t * d[2]
                good = (t > 1e-3) & (x * x + z * z <= radius * radius)
                best = torch.where(good & (t < best), t, best)
        return best

    def normal(self, p: Tensor) -> Tensor:
        k = (self.high - self.low) / self.height
        radius = torch.hypot(p[0], p[2]).clamp_min(1e-6)
        side = torch.stack([p[0] / radius, torch.full_like(radius, -k), p[2] / radius])
        side = side / math.sqrt(1 + k * k)
        edge = radius - (self.low + k * (p[1] - self.base))
        level = (edge < -1e-3 * max(1.0, self.low)).to(p.dtype)
        up = (p[1] > self.base + self.height / 2).to(p.dtype) * 2 - 1
        cap = torch.stack([torch.zeros_like(up), up, torch.zeros_like(up)])
        return side * (1 - level) + cap * level


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid with half axes rx, ry, rz around the origin."""

    rx: float
    ry: float
    rz: float

    @property
    def reach(self) -> tuple[float, float]:
        return 0.0, max(self.rx, self.ry, self.rz)

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        scale = torch.tensor([[1 / self.rx], [1 / self.ry], [1 / self.rz]], device=d.device)
        o, d = o * scale, d * scale
        a, b, c = (d * d).sum(0), (o * d).sum(0), (o * o).sum(0) - 1
        square = b * b - a * c
        t = (-b - square.clamp_min(0).sqrt()) / a
        return torch.where((square > 0) & (t > 1e-3), t, FAR)

    def normal(self, p: Tensor) -> Tensor:
        scale = torch.tensor([[self.rx**-2], [self.ry**-2], [self.rz**-2]], device=p.device)
        n = p * scale
        return n / length(n).clamp_min(1e-9)
