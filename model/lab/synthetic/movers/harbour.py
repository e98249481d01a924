"""All moving objects of the harbour, as functions of the loop's phase; phase 1 equals phase 0."""

from __future__ import annotations

import math

from nerv360.lab.synthetic.drawing import (
    Ellipsoid,
    Pennant,
    Placed,
    Plain,
    Stripes,
    box,
    multiply,
    polyhedron,
    turned,
)
from nerv360.lab.synthetic.movers.carousel import carousel
from nerv360.lab.synthetic.movers.flyers import FLOCKS, balloon, gulls
from nerv360.lab.synthetic.movers.mover import BLUE, RED, WHITE, Mover, place
from nerv360.lab.synthetic.movers.vessels import boat, buoy
from nerv360.lab.synthetic.town import FLAGPOLE, WINDMILL


def movers() -> list[Mover]:
    """Return all moving objects, near and far."""
    return [
        carousel(),
        _flag(),
        _windmill(),
        boat((4.7, -1.2, 15.8), 35.0, 0.95, RED, 0.0, True),
        boat((-8.6, -1.2, 15.0), -58.0, 1.15, BLUE, 0.35, False),
        boat((15.0, -1.2, 26.0), -12.0, 1.1, (0.10, 0.30, 0.22), 0.6, False),
        boat((-16.0, -1.2, 40.0), 70.0, 1.5, WHITE, 0.2, True),
        boat((9.0, -1.2, 74.0), -75.0, 2.2, WHITE, 0.75, True),
        buoy((-4.6, -1.2, 24.0)),
        balloon((34.0, 27.0, 14.0), 4.2, 0.1),
        balloon((-46.0, 42.0, -48.0), 4.8, 0.55),
        *(gulls(flock) for flock in FLOCKS),
    ]


def _flag() -> Mover:
    x, _, z = FLAGPOLE

    def at(phase: float) -> list[Placed]:
        cloth = Pennant(2.3, 1.3, 4 * math.pi * phase)
        paint = Stripes(BLUE, WHITE, 0, 0.87)
        return [Placed(cloth, paint, (x, 6.4, z), turned(-28.0), False)]

    return Mover((x, 6.4, z), 2.8, at)


def _windmill() -> Mover:
    x, y, z = WINDMILL
    heading = math.degrees(math.atan2(-x, -z))

    def at(phase: float) -> list[Placed]:
        front = turned(heading)
        hub = place(WINDMILL, front, 0, 0, 2.5)
        parts = [Placed(Ellipsoid(0.5, 0.5, 0.6), Plain((0.2, 0.13, 0.1)), hub, front, False)]
        for k in range(4):
            turn = multiply(front, turned(0, 0, 90.0 * (k + phase) + 20.0))
            sail = polyhedron(
                4.0,
                4.6,
                (1, 0, 0, 0.95),
                (-1, 0, 0, 0.12),
                (0, 1, 0, 8.2),
                (0, -1, 0, -1.3),
                (0, 0, 1, 0.05),
                (0, 0, -1, 0.05),
            )
            parts.append(Placed(sail, Stripes(WHITE, (0.66, 0.58, 0.46), 0, 1.1), hub, turn, False))
            parts.append(Placed(box(0.26, 8.4, 0.2), Plain((0.2, 0.13, 0.1)), hub, turn, False))
        return parts

    return Mover((x, y, z), 9.4, at)
