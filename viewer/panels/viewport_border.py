"""The viewport's border on an equirectangular map. Pure: no window."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nerv360.geometry import Look

Points = npt.NDArray[np.float64]


def viewport_border(look: Look, aspect: float, points: int = 32) -> Points:
    """Return world directions along a viewport's border, (4·points)×3, not normalised.

    They go around once.

    Args:
        look: the viewport's.
        aspect: width over height.
        points: per side.
    """
    x = look.half_extent
    y = x / aspect
    along = np.linspace(-1, 1, points, endpoint=False)
    ones = np.ones(points)
    plane = np.concatenate(
        [
            np.stack([along * x, ones * y], -1),
            np.stack([ones * x, -along * y], -1),
            np.stack([-along * x, -ones * y], -1),
            np.stack([-ones * x, along * y], -1),
        ]
    )
    rays = np.concatenate([plane, np.ones((len(plane), 1))], -1)
    return rays @ look.rotation().T


def outline(look: Look, aspect: float, points: int = 32) -> list[Points]:
    """Return the viewport's outline on the map as polylines n×2 in [0, 1], (0, 0) the upper left.

    A line that crosses ±180° ends at one edge of the map and continues at the other.
    """
    directions = viewport_border(look, aspect, points)
    longitude = np.arctan2(-directions[:, 2], directions[:, 0])
    latitude = np.arctan2(directions[:, 1], np.hypot(directions[:, 0], directions[:, 2]))
    u, v = longitude / (2 * math.pi) + 0.5, 0.5 - latitude / math.pi
    lines: list[Points] = []
    current = [(u[0], v[0])]
    for i in range(1, len(u) + 1):
        a, b = np.array([u[i - 1], v[i - 1]]), np.array([u[i % len(u)], v[i % len(v)]])
        jump = round(a[0] - b[0])
        if jump:
            b_unwrapped = b[0] + jump
            edge = 1.0 if jump > 0 else 0.0
            share = (edge - a[0]) / (b_unwrapped - a[0]) if b_unwrapped != a[0] else 0.0
            crossing = a[1] + share * (b[1] - a[1])
            current.append((edge, crossing))
            lines.append(np.array(current))
            current = [(1.0 - edge, crossing)]
        current.append((b[0], b[1]))
    lines.append(np.array(current))
    return lines
