"""Layout of the still objects: the square, the quays, the houses, the signs."""

from __future__ import annotations

from nerv360.lab.synthetic.drawing import (
    Frustum,
    Placed,
    Plain,
    Planks,
    Rough,
    Sign,
    Stripes,
    box,
    pyramid,
    turned,
)
from nerv360.lab.synthetic.town.buildings import (
    CLAY,
    RUST,
    SLATE,
    STONE,
    WOOD,
    barrel,
    bollard,
    house,
    lamp,
    lighthouse,
    spire,
    stall,
    tree,
)
from nerv360.lab.synthetic.town.facades import Facade, Tiles
from nerv360.lab.synthetic.town.pavement import Pavement

OCHRE, ROSE, CREAM = (0.72, 0.50, 0.22), (0.70, 0.38, 0.30), (0.78, 0.70, 0.54)
SKY_BLUE, SAGE, BRICK = (0.36, 0.52, 0.62), (0.44, 0.54, 0.38), (0.46, 0.19, 0.13)
GREEN, BLUE, RED, NAVY = (
    (0.08, 0.24, 0.17),
    (0.10, 0.22, 0.40),
    (0.45, 0.09, 0.07),
    (0.06, 0.11, 0.2),
)
GOLD = (0.90, 0.68, 0.28)


def town() -> list[Placed]:
    """Return all solids that never move."""
    return [*_ground(), *_south(), *_east(), *_west(), *_north(), *_square()]


def _slab(west: float, east: float, south: float, north: float, top: float = 0.0) -> Placed:
    at = ((west + east) / 2, (south + north) / 2)
    solid = box(east - west, 5.0, north - south, top - 5.0)
    return Placed(solid, Pavement(at), (at[0], 0.0, at[1]), casts=False)


def _ground() -> list[Placed]:
    return [
        _slab(-320.0, 320.0, -320.0, 6.0),
        _slab(29.0, 320.0, 6.0, 66.0),
        _slab(-48.0, -41.0, 6.0, 44.0),
    ]


def _south() -> list[Placed]:
    parts = [
        *house((-20.6, -17.5), 0, (7.2, 9, 8.4), SKY_BLUE, NAVY, SLATE, 3, "front", seed=1),
        *house((-13.2, -17.2), 0, (7.2, 9, 9.8), CREAM, GREEN, CLAY, 3, seed=2),
        *house((-6.4, -17.6), 0, (6.0, 9, 8.2), BRICK, CREAM, RUST, 3, "front", True, seed=3),
        *house((0.9, -18.2), 0, (8.2, 10, 10.6), OCHRE, GREEN, SLATE, 3, "hip", seed=4),
        *house((8.4, -17.4), 0, (6.4, 9, 8.8), SAGE, RED, CLAY, 3, "front", seed=5),
        *house((15.2, -17.2), 0, (7.0, 9, 9.9), ROSE, BLUE, RUST, 3, seed=6),
        *house((22.6, -18.0), 0, (7.4, 9, 8.2), CREAM, NAVY, CLAY, 3, "front", seed=7),
        *house((-30.0, -30.0), 10, (10, 9, 12.0), OCHRE, NAVY, CLAY, 4, seed=9),
        *house((13.0, -36.0), -8, (12, 10, 14.5), ROSE, GREEN, SLATE, 4, "hip", seed=10),
        *house((30.0, -31.0), -20, (10, 9, 13.0), SKY_BLUE, NAVY, CLAY, 4, seed=11),
        *spire((-9.0, -33.0)),
    ]
    sign = Sign("S", "SOUTH SQUARE", 5.4, 2.1, 4.15, NAVY, GOLD)
    parts.append(Placed(box(5.4, 2.1, 0.14, 4.15), sign, (0.9, 0.0, -13.05)))
    return parts


def _east() -> list[Placed]:
    parts = [
        *house((18.6, -8.6), -90, (7.0, 9, 8.6), SAGE, GREEN, CLAY, 3, "front", seed=21),
        *house((18.9, 0.0), -90, (9.6, 9.6, 9.6), BRICK, CREAM, SLATE, 3, "hip", True, seed=22),
        *house((34.5, 10.0), -90, (7.0, 8, 8.0), CREAM, BLUE, CLAY, 3, "front", seed=23),
        *house((34.5, 17.2), -90, (7.0, 8, 9.6), ROSE, GREEN, RUST, 3, seed=24),
        *house((34.5, 24.0), -90, (6.4, 8, 7.6), SKY_BLUE, NAVY, SLATE, 3, "front", seed=25),
        *house((34.5, 31.4), -90, (8.0, 8, 9.0), OCHRE, RED, CLAY, 3, seed=26),
        *house((34.5, 39.4), -90, (7.4, 8, 10.2), BRICK, CREAM, SLATE, 3, "front", True, seed=27),
        *house((34.5, 47.0), -90, (7.4, 8, 8.0), CREAM, GREEN, RUST, 3, seed=28),
        *house((34.5, 55.0), -90, (8.0, 8, 9.4), SAGE, NAVY, CLAY, 3, "front", seed=29),
        *house((48.0, 22.0), -90, (16, 9, 15.0), OCHRE, NAVY, RUST, 5, seed=30),
        *house((50.0, 44.0), -80, (14, 9, 14.0), SKY_BLUE, RED, CLAY, 5, seed=31),
    ]
    sign = Sign("E", "EAST QUAY", 4.8, 2.1, 4.0, (0.80, 0.74, 0.60), RED)
    parts.append(Placed(box(4.8, 2.1, 0.14, 4.0), sign, (13.98, 0.0, 0.0), turned(90)))
    for north in (11.0, 19.0, 27.0, 35.0, 43.0, 51.0, 59.0):
        parts += lamp((29.8, north))
    return parts


def _west() -> list[Placed]:
    gate = Facade((0.62, 0.49, 0.34), NAVY, 6.6, 5.0, 11.0, 3, seed=41)
    stone = Plain(STONE, 0.2)
    parts = [
        *house((-21.5, -9.2), 90, (6.6, 8, 9.0), ROSE, BLUE, CLAY, 3, "front", seed=42),
        *house((-34.0, -6.0), 80, (9, 9, 12.5), CREAM, RED, RUST, 4, seed=43),
        Placed(box(6.6, 11.0, 5.0), gate, (-20.0, 0.0, 0.0), turned(90)),
        Placed(box(7.2, 0.5, 5.6, 11.0), stone, (-20.0, 0.0, 0.0), turned(90)),
        Placed(pyramid(6.2, 5.0, 4.8, 12.0), Tiles(SLATE), (-20.0, 0.0, 0.0), turned(90)),
    ]
    for across in (-3.2, -1.92, -0.64, 0.64, 1.92, 3.2):
        parts.append(Placed(box(0.7, 0.9, 0.5, 11.5), stone, (-17.4, 0.0, across), turned(90)))
    sign = Sign("W", "WEST GATE", 4.8, 2.1, 4.3, RED, (0.88, 0.82, 0.66))
    parts.append(Placed(box(4.8, 2.1, 0.14, 4.3), sign, (-17.42, 0.0, 0.0), turned(-90)))
    parts.append(Placed(box(0.8, 1.1, 2.4), stone, (-20.0, 0.0, 4.6)))
    return parts


def _north() -> list[Placed]:
    pier = Planks((0.46, 0.34, 0.23))
    wood = Plain(WOOD, 0.3)
    parts = [Placed(box(2.6, 0.22, 24.0, -0.30), pier, (0.0, 0.0, 18.0))]
    for along in PIER_POSTS:
        for side in (-1.3, 1.3):
            parts.append(Placed(Frustum(0.14, 0.14, 4.2, -3.4), wood, (side, 0.0, along)))
    for side in (-1.9, 1.9):
        parts.append(Placed(box(0.26, 5.9, 0.26, -0.4), wood, (side, 0.0, 9.6)))
    sign = Sign("N", "NORTH PIER", 4.6, 2.0, 3.5, (0.82, 0.77, 0.64), NAVY)
    parts.append(Placed(box(4.6, 2.0, 0.12, 3.5), sign, (0.0, 0.0, 9.42)))
    rock = Plain((0.27, 0.24, 0.20), 0.5, 0.9)
    grass = Plain((0.20, 0.25, 0.08), 0.5, 0.7)
    parts += lighthouse(LIGHTHOUSE)
    parts += [
        Placed(Rough(16.0, 3.4, 11.0, 0.9, 0.4, 31), rock, (-34.0, -1.6, 54.0)),
        Placed(Rough(12.0, 4.6, 8.0, 0.5, 0.35, 32), grass, (-34.0, -0.6, 54.0)),
        Placed(Frustum(2.7, 1.8, 8.5, 3.4), Plain((0.80, 0.75, 0.66)), (-34.0, 0.0, 54.0)),
        Placed(Frustum(2.1, 0.2, 2.4, 11.9), Tiles(RUST), (-34.0, 0.0, 54.0)),
        Placed(Rough(4.0, 2.0, 3.0, 0.5, 0.6, 35), rock, (-22.0, -1.4, 46.0)),
        Placed(Rough(2.6, 1.5, 2.2, 0.4, 0.7, 36), rock, (30.0, -1.3, 70.0)),
    ]
    for east in (-14.0, -7.0, 7.0, 14.0, 21.0):
        parts += bollard((east, 5.7))
    return parts


def _square() -> list[Placed]:
    parts = [
        *tree((9.2, -7.2), 6.6, 100),
        *tree((-15.2, 4.3), 5.2, 130),
        *tree((5.6, -10.6), 5.4, 160),
        *tree((-15.0, -11.2), 6.2, 190),
        *lamp((4.6, 4.9)),
        *lamp((-11.0, 4.9)),
        *lamp((11.4, 4.9)),
        *lamp((-2.9, -10.6)),
        *stall((9.6, -2.9), -75, (0.55, 0.10, 0.08)),
        *stall((9.9, 1.4), -95, (0.10, 0.26, 0.42)),
        *barrel((7.0, 4.6)),
        *barrel((7.7, 4.9)),
        *barrel((7.3, 4.2)),
        *barrel((-8.6, 4.6)),
    ]
    wood = Planks(WOOD)
    for at, heading in (((3.2, -7.6), 10.0), ((-12.0, -1.5), 80.0)):
        rotation = turned(heading)
        parts.append(Placed(box(1.8, 0.10, 0.5, 0.42), wood, (at[0], 0.0, at[1]), rotation))
        parts.append(Placed(box(1.6, 0.42, 0.30), Plain(STONE), (at[0], 0.0, at[1]), rotation))
    crates = (((-7.4, 4.7), 0.8, 8.0), ((-6.6, 4.9), 0.6, -20.0), ((12.9, 4.0), 0.9, 15.0))
    for at, side, heading in crates:
        solid = box(side, side, side)
        parts.append(
            Placed(solid, Planks((0.48, 0.33, 0.18), 0.2), (at[0], 0.0, at[1]), turned(heading))
        )
    # Moving parts cast no shadow: the carousel's shadow is cast by its still parts.
    parts += [
        Placed(Frustum(2.9, 2.9, 0.28), Plain((0.52, 0.42, 0.30)), CAROUSEL),
        Placed(Frustum(0.42, 0.42, 2.9, 0.28), Stripes(GOLD, (0.62, 0.12, 0.10), 8), CAROUSEL),
        Placed(Frustum(2.95, 2.95, 0.30, 2.75), Stripes(GOLD, NAVY, 16), CAROUSEL),
        Placed(Frustum(0.05, 0.04, 7.2), Plain((0.8, 0.8, 0.78), 0.0), FLAGPOLE),
    ]
    return parts


CAROUSEL = (-7.2, 0.0, -5.2)
LIGHTHOUSE = (35.0, 81.0)
PIER_POSTS = (8.0, 13.0, 18.0, 23.0, 28.0)
FLAGPOLE = (-4.9, 0.0, 5.1)
WINDMILL = (-34.0, 11.6, 54.0)
