"""A moving object, and the colours shared by boats and toys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nerv360.lab.synthetic.drawing import Placed, Rotation

Point = tuple[float, float, float]
WHITE, RED, BLUE, GOLD = (
    (0.84, 0.80, 0.72),
    (0.60, 0.09, 0.06),
    (0.09, 0.22, 0.42),
    (0.9, 0.66, 0.2),
)


@dataclass(frozen=True)
class Mover:
    """Group of solids that stays inside one sphere.

    Attributes:
        centre, radius: of the sphere, metres.
        at: returns the solids at a phase of the loop, 0 to 1.
    """

    centre: Point
    radius: float
    at: Callable[[float], list[Placed]]


def place(origin: Point, rotation: Rotation, x: float, y: float, z: float) -> Point:
    """Transform a point from an object's own axes to the scene, in metres."""
    r = rotation
    return (
        origin[0] + r[0][0] * x + r[0][1] * y + r[0][2] * z,
        origin[1] + r[1][0] * x + r[1][1] * y + r[1][2] * z,
        origin[2] + r[2][0] * x + r[2][1] * y + r[2][2] * z,
    )
