"""The carousel on the square, with four pairs of horses."""

from __future__ import annotations

import math

from nerv360.lab.synthetic.drawing import (
    Colour,
    Convex,
    Ellipsoid,
    Frustum,
    Placed,
    Plain,
    Rotation,
    Stripes,
    box,
    multiply,
    turned,
)
from nerv360.lab.synthetic.movers.mover import BLUE, GOLD, RED, WHITE, Mover, Point, place
from nerv360.lab.synthetic.town import CAROUSEL


def _horse(origin: Point, rotation: Rotation, coat: Colour, saddle: Colour) -> list[Placed]:
    def part(
        solid: Ellipsoid | Convex | Frustum,
        tone: Colour,
        x: float,
        y: float,
        z: float,
        pitch: float = 0.0,
    ) -> Placed:
        turn = multiply(rotation, turned(0, pitch)) if pitch else rotation
        return Placed(solid, Plain(tone, 0.0), place(origin, rotation, x, y, z), turn, False)

    parts = [
        part(Ellipsoid(0.19, 0.22, 0.46), coat, 0, 0, 0),
        part(Ellipsoid(0.205, 0.17, 0.20), saddle, 0, 0.09, 0),
        part(box(0.13, 0.55, 0.20), coat, 0, 0.02, 0.34, 28.0),
        part(Ellipsoid(0.09, 0.11, 0.22), coat, 0, 0.52, 0.66, 30.0),
        part(box(0.05, 0.40, 0.08), saddle, 0, 0.12, 0.27, 28.0),
        part(box(0.07, 0.45, 0.08), saddle, 0, -0.38, -0.50, 20.0),
    ]
    for x, z, lean in (
        (-0.11, 0.30, -35.0),
        (0.11, 0.34, -15.0),
        (-0.11, -0.32, 20.0),
        (0.11, -0.3, 35.0),
    ):
        parts.append(part(box(0.07, 0.55, 0.08, -0.62), coat, x, 0, z, lean))
    return parts


def carousel() -> Mover:
    """Build the carousel, which turns by a quarter in one loop."""
    x, y, z = CAROUSEL

    def at(phase: float) -> list[Placed]:
        parts = [
            Placed(
                Frustum(3.15, 0.12, 1.35, 3.05),
                Stripes(RED, WHITE, 8, turn=-math.radians(90.0 * phase)),
                CAROUSEL,
                casts=False,
            ),
            Placed(Ellipsoid(0.2, 0.28, 0.2), Plain(GOLD, 0.0), (x, 4.55, z), casts=False),
        ]
        for k in range(8):
            # Horses repeat in pairs, so a quarter turn gives the same picture.
            turn = 45.0 * k + 90.0 * phase
            angle = math.radians(turn)
            bob = 0.14 * math.sin(2 * math.pi * (phase + 0.5 * k))
            here = (x + 2.15 * math.sin(angle), y, z + 2.15 * math.cos(angle))
            parts.append(
                Placed(Frustum(0.035, 0.035, 2.5, 0.28), Plain(GOLD, 0.0), here, casts=False)
            )
            coat = WHITE if k % 2 else (0.36, 0.20, 0.11)
            body = (here[0], 1.25 + bob, here[2])
            parts += _horse(body, turned(turn + 90.0), coat, RED if k % 2 else BLUE)
        return parts

    return Mover((x, 2.4, z), 3.9, at)
