"""Boats and buoys on the swell."""

from __future__ import annotations

import math

from nerv360.lab.synthetic.drawing import (
    Colour,
    Convex,
    Ellipsoid,
    Frustum,
    Placed,
    Plain,
    Planks,
    Stripes,
    box,
    polyhedron,
    turned,
)
from nerv360.lab.synthetic.movers.mover import RED, WHITE, Mover, Point, place


def _hull(length: float, beam: float, height: float) -> Convex:
    half, side = length / 2, beam / 2
    return polyhedron(
        half + 0.3,
        0.0,
        (0, 1, 0, height),
        (0, -1, 0, 0.35),
        (1, -0.35, 0, side),
        (-1, -0.35, 0, side),
        (1, -0.25, 0.62, half * 0.66),
        (-1, -0.25, 0.62, half * 0.66),
        (0.5, -0.25, -0.9, half * 0.92),
        (-0.5, -0.25, -0.9, half * 0.92),
    )


def boat(at: Point, heading: float, scale: float, tone: Colour, start: float, sails: bool) -> Mover:
    """Build a boat at anchor, with sails or a cabin.

    Args:
        start: its position in the swell, 0 to 1.
    """
    s = scale

    def parts_at(phase: float) -> list[Placed]:
        turn = 2 * math.pi * (phase + start)
        rotation = turned(heading, 1.6 * math.sin(turn), 3.4 * math.cos(turn))
        origin = (at[0], at[1] + 0.07 * s * math.sin(turn + 0.8), at[2])

        def put(x: float, y: float, z: float) -> Point:
            return place(origin, rotation, x * s, y * s, z * s)

        def part(
            solid: Convex | Frustum, paint: Plain | Planks, x: float, y: float, z: float
        ) -> Placed:
            return Placed(solid, paint, put(x, y, z), rotation, False)

        parts = [
            part(_hull(4.6 * s, 1.7 * s, 0.62 * s), Plain(tone, 0.05), 0, 0, 0),
            part(_hull(4.75 * s, 1.82 * s, 0.12 * s), Plain(WHITE, 0.05), 0, 0.62, 0),
            part(_hull(4.3 * s, 1.45 * s, 0.05 * s), Planks((0.46, 0.30, 0.17)), 0, 0.72, 0),
        ]
        mast = 6.2 if sails else 3.4
        parts.append(
            part(Frustum(0.06 * s, 0.04 * s, mast * s), Plain((0.42, 0.28, 0.16)), 0, 0.7, 0.3)
        )
        if sails:
            main = _sail(3.2 * s, 2.5 * s, (0, 0, 1, -0.08 * s), (0, 1.9, -4.8, 9.1 * s))
            jib = _sail(2.6 * s, 1.8 * s, (0, 0, -1, -0.1 * s), (0, 1.5, 4.2, 6.3 * s))
            parts.append(part(main, Plain((0.86, 0.76, 0.60), 0.05), 0, 1.25, 0.3))
            parts.append(part(jib, Plain((0.72, 0.30, 0.18), 0.05), 0, 1.0, 0.3))
        else:
            parts.append(part(box(1.0 * s, 1.1 * s, 1.3 * s), Plain(WHITE, 0.05), 0, 0.7, -0.6))
            parts.append(
                part(
                    box(1.02 * s, 0.36 * s, 1.0 * s), Plain((0.06, 0.09, 0.12), 0.0), 0, 1.22, -0.6
                )
            )
            parts.append(part(box(1.25 * s, 0.10 * s, 1.55 * s), Plain(tone, 0.05), 0, 1.8, -0.6))
        return parts

    reach = (3.9 if sails else 2.9) * s
    return Mover((at[0], at[1] + (3.2 if sails else 1.6) * s, at[2]), reach + 0.3, parts_at)


def _sail(
    points_radius: float, centre_height: float, *sides: tuple[float, float, float, float]
) -> Convex:
    """Return a thin sail that stands on y = 0, with two more sides."""
    return polyhedron(
        points_radius, centre_height, (1, 0, 0, 0.03), (-1, 0, 0, 0.03), (0, -1, 0, 0.0), *sides
    )


def buoy(at: Point) -> Mover:
    """Build a red buoy with a lamp."""

    def parts(phase: float) -> list[Placed]:
        turn = 2 * math.pi * phase
        rotation = turned(30.0, 7.0 * math.sin(turn), 6.0 * math.cos(turn))
        here = (at[0], at[1] + 0.08 * math.sin(turn), at[2])
        red = Plain(RED, 0.05)
        return [
            Placed(Frustum(0.62, 0.55, 0.6, -0.2), red, here, rotation, False),
            Placed(
                Frustum(0.34, 0.10, 1.5, 0.4), Stripes(RED, WHITE, 0, 1.0), here, rotation, False
            ),
            Placed(
                Ellipsoid(0.16, 0.16, 0.16),
                Plain((1.0, 0.75, 0.3), 0.0),
                place(here, rotation, 0, 2.0, 0),
                rotation,
                False,
            ),
        ]

    return Mover((at[0], at[1] + 0.9, at[2]), 1.8, parts)
