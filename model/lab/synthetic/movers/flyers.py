"""Balloons and gulls."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nerv360.lab.synthetic.drawing import (
    Ellipsoid,
    Frustum,
    Placed,
    Plain,
    Planks,
    Stripes,
    box,
    multiply,
    polyhedron,
    turned,
)
from nerv360.lab.synthetic.movers.mover import WHITE, Mover, Point


def balloon(at: Point, radius: float, start: float) -> Mover:
    """Build a hot-air balloon that rocks in the wind; ``start`` is its position in the loop."""

    def parts(phase: float) -> list[Placed]:
        turn = 2 * math.pi * (phase + start)
        here = (at[0] + 0.5 * math.cos(turn), at[1] + 0.7 * math.sin(turn), at[2])
        gores = Stripes((0.72, 0.20, 0.10), (0.90, 0.66, 0.24), 10)
        rotation = turned(0.0)
        low = (here[0], here[1] - radius * 1.62, here[2])
        return [
            Placed(Ellipsoid(radius, radius * 1.08, radius), gores, here, rotation, False),
            Placed(
                Frustum(0.26 * radius, 0.70 * radius, 0.62 * radius),
                gores,
                (here[0], here[1] - radius * 1.36, here[2]),
                rotation,
                False,
            ),
            Placed(
                box(0.34 * radius, 0.26 * radius, 0.34 * radius),
                Planks((0.42, 0.26, 0.12)),
                (low[0], low[1] - 0.16 * radius, low[2]),
                rotation,
                False,
            ),
        ]

    return Mover((at[0], at[1] - 0.3 * radius, at[2]), radius * 1.7 + 1.0, parts)


@dataclass(frozen=True)
class Flock:
    """Birds in a ring.

    Attributes:
        centre, radius: of the ring, metres.
        count: number of birds.
        scale: size of the birds.
        sense: 1 for clockwise from above, −1 for the other way.
    """

    centre: Point
    radius: float
    count: int
    scale: float
    sense: int

    def turn_deg(self, bird: int, phase: float) -> float:
        """Return the bearing of a bird from the ring's centre."""
        # Each bird takes the place of the next, so the flock is the same after one loop.
        return self.sense * 360.0 * (bird + phase) / self.count

    def place(self, bird: int, phase: float) -> Point:
        """Return the position of a bird at a phase of the loop."""
        angle = math.radians(self.turn_deg(bird, phase))
        x, y, z = self.centre
        sway = math.sin(2 * angle) * 0.8
        return (x + self.radius * math.sin(angle), y + sway, z + self.radius * math.cos(angle))


FLOCKS = (
    Flock((3.0, 11.0, 24.0), 7.5, 5, 0.75, 1),
    Flock((-9.0, 26.5, -33.0), 6.5, 7, 0.95, -1),
)


def gulls(flock: Flock) -> Mover:
    """Build the birds of a flock."""
    scale, sense = flock.scale, flock.sense

    def parts(phase: float) -> list[Placed]:
        birds = []
        for k in range(flock.count):
            here = flock.place(k, phase)
            level = turned(flock.turn_deg(k, phase) + sense * 90.0, 0.0, sense * -14.0)
            birds.append(
                Placed(
                    Ellipsoid(0.11 * scale, 0.11 * scale, 0.42 * scale),
                    Plain(WHITE, 0.0),
                    here,
                    level,
                    False,
                )
            )
            flap = 22.0 * math.sin(2 * math.pi * 3 * phase + 2 * math.pi * 0.0) + 8.0
            for side in (-1, 1):
                wing = polyhedron(
                    1.0 * scale,
                    0.0,
                    (side, 0, 0, 0.95 * scale),
                    (-side, 0, 0, 0.0),
                    (0, 1, 0, 0.02),
                    (0, -1, 0, 0.02),
                    (side * 0.12, 0, 1, 0.17 * scale),
                    (side * 0.22, 0, -1, 0.17 * scale),
                )
                birds.append(
                    Placed(
                        wing,
                        Plain((0.62, 0.64, 0.68), 0.0),
                        here,
                        multiply(level, turned(0, 0, side * flap)),
                        False,
                    )
                )
        return birds

    return Mover(flock.centre, flock.radius + 2.0, parts)
