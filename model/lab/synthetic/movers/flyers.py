"""Balloons and gulls."""

from __future__ import annotations

import math

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


def gulls(centre: Point, radius: float, count: int, scale: float, sense: int) -> Mover:
    """Build birds in a ring; ``sense`` is 1 for clockwise from above, −1 for the other way."""

    def parts(phase: float) -> list[Placed]:
        birds = []
        for k in range(count):
            # Each bird takes the place of the next, so the flock is the same after one loop.
            turn = sense * 360.0 * (k + phase) / count
            angle = math.radians(turn)
            sway = math.sin(2 * angle) * 0.8
            here = (
                centre[0] + radius * math.sin(angle),
                centre[1] + sway,
                centre[2] + radius * math.cos(angle),
            )
            level = turned(turn + sense * 90.0, 0.0, sense * -14.0)
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

    return Mover(centre, radius + 2.0, parts)
