"""Head orientations as unit quaternions, w first or last, in three systems of axes.

- ``ros``: x forward, y left, z up, right-handed (ROS REP 103). Corbillon et al. (MMSys 2017) write
  their data set so, w first, after the time and the number of the picture.
- ``unity``: x right, y up, z forward, left-handed (Unity's manual, "Rotation and orientation").
  Wu et al. (MMSys 2017) recorded with Unity.
- ``openxr``: x right, y up, z backward, right-handed (OpenXR 1.0, 2.16; WebXR and three.js too).

A quaternion is turned into the rotation of the head, whose forward axis gives yaw and pitch and
whose right axis gives roll; so the result does not depend on the order of Euler angles.
"""

from __future__ import annotations

import math

import numpy as np

from nerv360.errors import InputError
from nerv360.trajectories.trajectory import Floats, Trajectory, from_rotations

AXES = {
    "ros": ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "unity": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "openxr": ((0, 0, -1), (1, 0, 0), (0, 1, 0)),
}
"""Forward, right and up in each system."""
ORDERS = {"wxyz": (0, 1, 2, 3), "xyzw": (3, 0, 1, 2)}
"""Places of w, x, y and z."""

PLACEHOLDER = np.array([math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5)])
"""Corbillon's rows before the sensor's first reading, as w x y z: a quarter turn to the right."""
_TOLERANCE = 0.01


def are_units(quaternions: Floats) -> bool:
    """Tell whether all of n×4 quaternions, but those of a lost tracker (all 0), have length 1."""
    norms = np.linalg.norm(quaternions, axis=1)
    tracked = norms > 0
    return bool(tracked.any() and (np.abs(norms[tracked] - 1) < _TOLERANCE).all())


def path(name: str, label: str, time_s: Floats, quaternions: Floats, axes: str) -> Trajectory:
    """Return the path of n×4 quaternions (w, x, y, z).

    Rows of four zeros, which trackers write while they have lost the head, are left out.

    Raises:
        InputError: another quaternion has a length other than 1.
    """
    norms = np.linalg.norm(quaternions, axis=1)
    tracked = norms > 0
    if not (np.abs(norms[tracked] - 1) < _TOLERANCE).all():
        raise InputError(f"{label} holds a quaternion whose length is not 1")
    head = rotations(quaternions[tracked] / norms[tracked, None])
    forward, right, up = (np.array(axis, np.float64) for axis in AXES[axes])
    # Our world has X forward, Y up and Z to the left; a camera has right, up, forward.
    to_world = np.stack([forward, up, -right])
    camera = np.stack([right, up, forward], axis=1)
    return from_rotations(name, label, time_s[tracked], to_world @ head @ camera)


def from_placeholder(table: Floats) -> Floats:
    """Return Corbillon's rows (time, picture, w, x, y, z) from the sensor's first reading on."""
    placeholder = np.abs(table[:, 2:] - PLACEHOLDER).max(axis=1) < 1e-9
    return table[int(np.argmin(placeholder)) if not placeholder.all() else len(table) :]


def rotations(quaternions: Floats) -> Floats:
    """Return the n×3×3 rotations of n×4 unit quaternions (w, x, y, z)."""
    w, x, y, z = quaternions.T
    cells = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in cells], -2)
