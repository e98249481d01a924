"""Solids without a closed formula: lumpy ones found by sphere tracing, and cloth in the wind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing.solids import FAR, Ellipsoid, length


@dataclass(frozen=True)
class Rough:
    """An ellipsoid with lumps, found by sphere tracing: foliage, rocks.

    Attributes:
        rx, ry, rz: half axes of the mean surface.
        lump: height of the lumps in metres.
        pitch: lumps per metre.
        seed: chooses the lumps.
    """

    rx: float
    ry: float
    rz: float
    lump: float
    pitch: float
    seed: int

    @property
    def reach(self) -> tuple[float, float]:
        return 0.0, max(self.rx, self.ry, self.rz) + self.lump

    def _distance(self, p: Tensor) -> Tensor:
        radii = torch.tensor([[self.rx], [self.ry], [self.rz]], device=p.device)
        scaled = p / radii
        k = length(scaled)
        gradient = length(scaled / radii).clamp_min(1e-6)
        # Crossed waves, bent by slower ones, make lumps without a lattice.
        q = p * (self.pitch * 2.6) + self.seed
        bend = (q.roll(1, 0) * 0.43 + self.seed * 1.7).sin()
        waves = (q + bend * 1.6).sin()
        lumps = (waves[0] + waves[1] + waves[2]) / 3
        return k * (k - 1) / gradient - lumps * self.lump

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        outer = Ellipsoid(self.rx + self.lump, self.ry + self.lump, self.rz + self.lump)
        start = outer.hit(o, d)
        o, d = o.expand(3, start.shape[0]), d.expand(3, start.shape[0])
        active = (start < FAR).nonzero()[:, 0]
        result = torch.full_like(start, FAR)
        t = start[active]
        limit = t + 2 * self.reach[1]
        o, d = o[:, active], d[:, active]
        for _ in range(32):
            if active.numel() == 0:
                break
            step = self._distance(o + d * t)
            done = step < 0.006 * self.reach[1]
            result[active[done]] = t[done]
            t = t + step * 0.75
            go = (~done & (t < limit)).nonzero()[:, 0]
            active, t, limit, o, d = active[go], t[go], limit[go], o[:, go], d[:, go]
        return result

    def normal(self, p: Tensor) -> Tensor:
        h = 0.15 / self.pitch
        steps = torch.eye(3, device=p.device, dtype=p.dtype) * h
        n = torch.stack(
            [self._distance(p + steps[:, i : i + 1]) for i in range(3)]
        ) - self._distance(p)
        return n / length(n).clamp_min(1e-9)


@dataclass(frozen=True)
class Pennant:
    """Cloth in the plane z = 0 from the origin along x, waving up and down.

    Attributes:
        length, height: of the cloth.
        phase: of the wave, in radians.
    """

    length: float
    height: float
    phase: float

    @property
    def reach(self) -> tuple[float, float]:
        return 0.0, math.hypot(self.length, self.height)

    def sway(self, x: Tensor) -> Tensor:
        """Return the height in metres of the cloth above its straight line at x."""
        along = x / self.length
        return 0.16 * self.height * along * torch.sin(along * 7.0 - self.phase)

    def hit(self, o: Tensor, d: Tensor) -> Tensor:
        slope = torch.where(d[2].abs() < 1e-9, torch.full_like(d[2], 1e-9), d[2])
        t = -o[2] / slope
        x, y = o[0] + t * d[0], o[1] + t * d[1]
        y = y - self.sway(x)
        good = (t > 1e-3) & (x > 0) & (x < self.length) & (y.abs() < self.height / 2)
        return torch.where(good, t, FAR)

    def normal(self, p: Tensor) -> Tensor:
        along = p[0] / self.length
        tilt = 0.7 * along.clamp(0.15, 1.0) * torch.cos(along * 7.0 - self.phase)
        n = torch.stack([tilt, torch.zeros_like(tilt), torch.ones_like(tilt)])
        return n / length(n)
