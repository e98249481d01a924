"""Houses, towers, trees and street furniture as groups of solids."""

from __future__ import annotations

import math

from nerv360.lab.synthetic.drawing import (
    Colour,
    Ellipsoid,
    Foliage,
    Frustum,
    Placed,
    Plain,
    Planks,
    Rough,
    Stripes,
    box,
    gable,
    pyramid,
    turned,
)
from nerv360.lab.synthetic.town.facades import Facade, Tiles

SLATE, CLAY, RUST = (0.17, 0.19, 0.23), (0.50, 0.19, 0.10), (0.38, 0.15, 0.09)
IRON, STONE, WOOD = (0.05, 0.06, 0.07), (0.50, 0.44, 0.36), (0.34, 0.22, 0.13)


def house(
    at: tuple[float, float],
    heading_deg: float,
    size: tuple[float, float, float],
    wall: Colour,
    shutter: Colour,
    roof: Colour = CLAY,
    storeys: int = 3,
    style: str = "gable",
    brick: bool = False,
    seed: int = 0,
) -> list[Placed]:
    """Build a house of width × depth × wall height whose front faces ``heading_deg``.

    Args:
        style: ``gable`` with the ridge along the front, ``front`` with the gable to the front,
            ``hip`` with four slopes.
    """
    width, depth, height = size
    place, rotation = (at[0], 0.0, at[1]), turned(heading_deg)
    walls = Facade(wall, shutter, width, depth, height, storeys, brick, seed)
    parts = [Placed(box(width, height, depth), walls, place, rotation)]
    tiles = Tiles(roof, seed=seed)
    if style == "front":
        rise = 0.62 * width
        gable_wall = Plain(tuple(c * 0.97 for c in wall), 0.2)  # type: ignore[arg-type]
        side = turned(heading_deg + 90.0)
        parts.append(
            Placed(gable(depth, rise * 0.94, width * 0.96, height), gable_wall, place, side)
        )
        parts.append(
            Placed(gable(depth - 0.35, rise, width + 0.5, height - 0.05), tiles, place, side)
        )
    elif style == "hip":
        parts.append(
            Placed(pyramid(width + 0.7, 0.42 * width, depth + 0.7, height), tiles, place, rotation)
        )
    else:
        parts.append(
            Placed(gable(width, 0.40 * depth, depth + 0.7, height - 0.05), tiles, place, rotation)
        )
    x, z = width * 0.28, -depth * 0.15
    h = math.radians(heading_deg)
    stack = (
        at[0] + x * math.cos(h) + z * math.sin(h),
        height,
        at[1] - x * math.sin(h) + z * math.cos(h),
    )
    parts.append(
        Placed(box(0.7, 0.40 * depth + 0.9, 0.7), Plain((0.42, 0.2, 0.14)), stack, rotation)
    )
    return parts


def tree(at: tuple[float, float], height: float, seed: int) -> list[Placed]:
    """Build a tree: a trunk and a crown of three lumps."""
    leaves = Foliage((0.035, 0.10, 0.03), (0.30, 0.36, 0.08))
    x, z = at
    crown = height * 0.32
    parts = [Placed(Frustum(0.20, 0.13, height * 0.6), Plain(WOOD, 0.4), (x, 0.0, z))]
    for k, (dx, dy, dz, r) in enumerate(
        ((0.0, 0.70, 0.0, 1.0), (0.55, 0.58, 0.25, 0.72), (-0.5, 0.60, -0.3, 0.7))
    ):
        solid = Rough(crown * r, crown * r * 0.85, crown * r, 0.22, 1.7, seed + k * 7)
        parts.append(Placed(solid, leaves, (x + dx * crown, height * dy, z + dz * crown)))
    return parts


def lamp(at: tuple[float, float]) -> list[Placed]:
    """Build a street lantern."""
    x, z = at
    iron = Plain(IRON, 0.0)
    return [
        Placed(Frustum(0.13, 0.09, 0.5), iron, (x, 0.0, z)),
        Placed(Frustum(0.05, 0.04, 3.2, 0.5), iron, (x, 0.0, z)),
        Placed(Frustum(0.11, 0.19, 0.42, 3.7), Plain((1.0, 0.78, 0.42), 0.0), (x, 0.0, z)),
        Placed(Frustum(0.25, 0.02, 0.28, 4.12), iron, (x, 0.0, z)),
    ]


def bollard(at: tuple[float, float]) -> list[Placed]:
    """Build an iron bollard."""
    x, z = at
    iron = Plain((0.07, 0.07, 0.08), 0.2)
    return [
        Placed(Frustum(0.17, 0.12, 0.45), iron, (x, 0.0, z)),
        Placed(Ellipsoid(0.20, 0.12, 0.20), iron, (x, 0.48, z)),
    ]


def stall(at: tuple[float, float], heading_deg: float, cloth: Colour) -> list[Placed]:
    """Build a market stall with crates of fruit under a striped cloth."""
    place, rotation = (at[0], 0.0, at[1]), turned(heading_deg)
    h = math.radians(heading_deg)

    def local(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (
            at[0] + x * math.cos(h) + z * math.sin(h),
            y,
            at[1] - x * math.sin(h) + z * math.cos(h),
        )

    wood = Planks(WOOD)
    parts = [Placed(box(2.4, 0.85, 0.9), wood, place, rotation)]
    for x in (-1.15, 1.15):
        for z in (-0.5, 0.6):
            parts.append(Placed(Frustum(0.04, 0.04, 2.2), Plain(WOOD), local(x, 0.0, z)))
    cloth_paint = Stripes(cloth, (0.86, 0.82, 0.72), 22)
    parts.append(Placed(gable(2.7, 0.55, 1.7, 2.15), cloth_paint, place, rotation))
    fruit = ((0.75, 0.30, 0.05), (0.62, 0.09, 0.06), (0.40, 0.50, 0.10), (0.75, 0.60, 0.10))
    for k, tone in enumerate(fruit):
        parts.append(
            Placed(
                Rough(0.25, 0.16, 0.36, 0.05, 9.0, k),
                Plain(tone),
                local(-0.87 + 0.58 * k, 0.9, 0.05),
            )
        )
    return parts


def barrel(at: tuple[float, float], base: float = 0.0) -> list[Placed]:
    """Build a cask with iron hoops."""
    rings = Stripes((0.40, 0.25, 0.13), (0.28, 0.17, 0.09), 12)
    x, z = at
    hoop = Plain(IRON)
    return [
        Placed(Frustum(0.30, 0.36, 0.42, base), rings, (x, 0.0, z)),
        Placed(Frustum(0.36, 0.30, 0.42, base + 0.42), rings, (x, 0.0, z)),
        Placed(Frustum(0.345, 0.355, 0.06, base + 0.22), hoop, (x, 0.0, z)),
        Placed(Frustum(0.355, 0.345, 0.06, base + 0.58), hoop, (x, 0.0, z)),
    ]


def spire(at: tuple[float, float]) -> list[Placed]:
    """Build the church tower behind the square."""
    x, z = at
    stone = Facade((0.56, 0.48, 0.38), (0.2, 0.2, 0.22), 5.2, 5.2, 19.0, 5, seed=8)
    white, dark = Plain((0.85, 0.80, 0.68), 0.0), Plain(IRON, 0.0)
    parts = [
        Placed(box(5.2, 19.0, 5.2), stone, (x, 0.0, z)),
        Placed(box(5.8, 0.5, 5.8, 19.0), Plain(STONE), (x, 0.0, z)),
        Placed(pyramid(5.6, 10.5, 5.6, 19.4), Tiles((0.13, 0.30, 0.27), 0.5), (x, 0.0, z)),
        Placed(Ellipsoid(0.32, 0.32, 0.32), Plain((0.9, 0.6, 0.15), 0.0), (x, 30.1, z)),
    ]
    face = (x, 16.6, z + 2.62)
    parts.append(Placed(Ellipsoid(1.5, 1.5, 0.10), dark, face))
    parts.append(Placed(Ellipsoid(1.32, 1.32, 0.16), white, face))
    for roll, length in ((-60.0, 0.75), (150.0, 1.1)):
        parts.append(Placed(box(0.14, length, 0.06), dark, (x, 16.6, z + 2.80), turned(0, 0, roll)))
    return parts


def lighthouse(at: tuple[float, float]) -> list[Placed]:
    """Build a red and white lighthouse on rocks."""
    x, z = at
    rings = Stripes((0.86, 0.82, 0.76), (0.62, 0.10, 0.07), 0, 6.4)
    rock = Plain((0.26, 0.23, 0.20), 0.5, 0.8)
    return [
        Placed(Rough(9.0, 3.2, 7.0, 0.9, 0.45, 3), rock, (x, -1.4, z)),
        Placed(Frustum(2.4, 1.6, 15.0, 1.0), rings, (x, 0.0, z)),
        Placed(Frustum(2.2, 2.2, 0.4, 15.9), Plain(IRON), (x, 0.0, z)),
        Placed(Frustum(1.1, 1.1, 1.9, 16.3), Plain((0.95, 0.72, 0.36), 0.0), (x, 0.0, z)),
        Placed(Frustum(1.45, 0.05, 1.5, 18.2), Plain((0.50, 0.08, 0.06)), (x, 0.0, z)),
    ]
