"""Corbillon et al. (MMSys 2017): text rows of time s, picture, quaternion w x y z.

Right-handed axes, x forward, y left, z up; so yaw = −atan2(Fy, Fx) of the forward axis F. The rows
before the sensor's first reading hold a placeholder, a quarter turn to the right.
"""

from __future__ import annotations

import math

import numpy as np

from model.errors import InputError
from model.trajectories.table import first_row, path_name, refuse_part, rows
from model.trajectories.trajectory import Floats, Trajectory, from_rotations

_PLACEHOLDER = np.array([math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5)])


def recognises(text: str) -> bool:
    """The first line has six numbers, as this format alone has."""
    return first_row(text, None) == 6


def read(text: str, label: str, part: str) -> Trajectory:
    """The path of the text, from the first reading of the sensor on.

    Raises:
        InputError: a row is broken, or ``part`` names one path of several.
    """
    refuse_part(label, part)
    table = rows(text, None, 6, label)
    placeholder = np.abs(table[:, 2:] - _PLACEHOLDER).max(axis=1) < 1e-9
    table = table[int(np.argmin(placeholder)) if not placeholder.all() else len(table) :]
    norms = np.linalg.norm(table[:, 2:], axis=1)
    if not (np.abs(norms - 1) < 0.01).all():
        raise InputError(f"{label} holds a quaternion whose length is not 1")
    head = rotations(table[:, 2:] / norms[:, None])
    forward, left, up = head[..., 0], head[..., 1], head[..., 2]
    # Our world has (X, Y, Z) where theirs has (x, z, y).
    camera = np.stack([-left, up, forward], -1)[:, [0, 2, 1], :]
    return from_rotations(path_name(label), label, table[:, 0].copy(), camera)


def rotations(quaternions: Floats) -> Floats:
    """n×4 unit quaternions (w, x, y, z) to n×3×3 rotations."""
    w, x, y, z = quaternions.T
    cells = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in cells], -2)
