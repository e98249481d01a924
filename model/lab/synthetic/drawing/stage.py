"""Solids with a position and a paint, and the bounds of each in a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing.solids import Solid

EYE = (0.0, 2.3, 0.0)


@dataclass(frozen=True)
class Surface:
    """Appearance of points before light falls on them; linear, 3×N.

    Attributes:
        albedo: share of the light that is scattered back.
        glow: light of its own, including reflections.
    """

    albedo: Tensor
    glow: Tensor | None = None


class Paint(Protocol):
    """Function that colours a surface.

    Takes local positions and normals 3×N, and the samples' size in metres.
    """

    def __call__(self, p: Tensor, n: Tensor, size: Tensor) -> Surface: ...


Rotation = tuple[tuple[float, float, float], ...]


def turned(heading_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Rotation:
    """Return the rotation from local to scene axes.

    Roll about z, pitch about x, then heading clockwise from north.
    """
    h, p, r = (math.radians(v) for v in (heading_deg, pitch_deg, roll_deg))
    ch, sh, cp, sp, cr, sr = (f(v) for v in (h, p, r) for f in (math.cos, math.sin))
    return (
        (ch * cr + sh * sp * sr, -ch * sr + sh * sp * cr, sh * cp),
        (cp * sr, cp * cr, -sp),
        (-sh * cr + ch * sp * sr, sh * sr + ch * sp * cr, ch * cp),
    )


def multiply(a: Rotation, b: Rotation) -> Rotation:
    """Combine two rotations: first ``b``, then ``a``."""
    return tuple(
        (
            sum(a[i][k] * b[k][0] for k in range(3)),
            sum(a[i][k] * b[k][1] for k in range(3)),
            sum(a[i][k] * b[k][2] for k in range(3)),
        )
        for i in range(3)
    )


LEVEL = turned()


@dataclass(frozen=True)
class Placed:
    """One solid of the scene.

    Attributes:
        solid: its shape around its own origin.
        paint: its colours.
        at: position of its origin, metres east, up, north.
        rotation: from its own axes to the scene's.
        casts: whether it casts a shadow.
    """

    solid: Solid
    paint: Paint
    at: tuple[float, float, float]
    rotation: Rotation = LEVEL
    casts: bool = True

    @property
    def sphere(self) -> tuple[tuple[float, float, float], float]:
        """Centre and radius of a sphere around it."""
        lift, radius = self.solid.reach
        up = [row[1] * lift for row in self.rotation]
        return (self.at[0] + up[0], self.at[1] + up[1], self.at[2] + up[2]), radius

    def to_local(self, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        """Transform rays 3×N to the solid's own axes."""
        rotation = torch.tensor(self.rotation, device=d.device, dtype=d.dtype)
        at = torch.tensor(self.at, device=d.device, dtype=d.dtype)[:, None]
        if self.rotation == LEVEL:
            return o - at, d
        return _turn(rotation.T, o - at), _turn(rotation.T, d)

    def normals(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """Return normals 3×N at local points, in local and in scene axes."""
        n = self.solid.normal(local)
        return n, _turn(torch.tensor(self.rotation, device=n.device, dtype=n.dtype), n)


def _turn(rotation: Tensor, v: Tensor) -> Tensor:
    # Sums are written out: a matrix product may round differently for other lengths of v.
    r = rotation[:, :, None]
    return r[:, 0] * v[0] + r[:, 1] * v[1] + r[:, 2] * v[2]


@dataclass(frozen=True)
class PictureBounds:
    """Rows [top, bottom) and one or two column ranges of an equirectangular picture."""

    top: int
    bottom: int
    columns: tuple[tuple[int, int], ...]


def bounds_of(
    centre: tuple[float, float, float], radius: float, height: int, width: int
) -> PictureBounds:
    """Return the bounds, in a height×width picture, of a sphere of the scene.

    Args:
        centre: of the sphere, metres east, up, north.
        radius: metres.
    """
    x, y, z = (c - e for c, e in zip(centre, EYE, strict=True))
    distance = math.sqrt(x * x + y * y + z * z)
    if distance <= radius * 1.001:
        return PictureBounds(0, height, ((0, width),))
    spread = math.asin(radius / distance) * 1.02 + math.pi / height
    latitude, longitude = math.asin(y / distance), math.atan2(x, z)
    top = max(0, math.floor((0.5 - (latitude + spread) / math.pi) * height) - 1)
    bottom = min(height, math.ceil((0.5 - (latitude - spread) / math.pi) * height) + 1)
    if abs(latitude) + spread >= math.pi / 2 - 1e-3:
        return PictureBounds(top, bottom, ((0, width),))
    half = math.asin(min(1.0, math.sin(spread) / math.cos(latitude)))
    first = math.floor((0.5 + (longitude - half) / (2 * math.pi)) * width) - 1
    last = math.ceil((0.5 + (longitude + half) / (2 * math.pi)) * width) + 1
    if last - first >= width:
        return PictureBounds(top, bottom, ((0, width),))
    first, last = first % width, (first % width) + (last - first)
    if last <= width:
        return PictureBounds(top, bottom, ((first, last),))
    return PictureBounds(top, bottom, ((first, width), (0, last - width)))


def erp_rays(
    top: int,
    bottom: int,
    height: int,
    width: int,
    device: torch.device,
    left: int = 0,
    right: int | None = None,
) -> Tensor:
    """Return unit directions east, up, north of a block of a picture: 3×rows×columns."""
    # 8192 columns of three samples each need float64, which MPS lacks.
    place = torch.device("cpu") if device.type == "mps" else device
    column = torch.arange(left, right or width, device=place, dtype=torch.float64)
    row = torch.arange(top, bottom, device=place, dtype=torch.float64)
    longitude = ((column + 0.5) / width - 0.5) * (2 * math.pi)
    latitude = (0.5 - (row + 0.5) / height) * math.pi
    level = latitude.cos()[:, None]
    east, north = level * longitude.sin(), level * longitude.cos()
    up = latitude.sin()[:, None].expand_as(east)
    return torch.stack([east, up, north]).float().to(device)
