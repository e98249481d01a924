"""Jin et al. (MM 2022) as prepared for NetLLM: CSV of time s, roll°, pitch°, yaw°.

The three angles are intrinsic Euler angles ZXY of Unity's head orientation (x right, y up,
z forward): R = Rz(roll) · Rx(pitch) · Ry(yaw). That is not Unity's own order, so the columns are
not what they are called: near yaw 90° "roll" is the head's elevation. ``docs/trajectories.md`` has
the evidence. The viewers' front is at 90°, which becomes our yaw 0.
"""

from __future__ import annotations

import numpy as np

from nerv360.trajectories.formats.table import path_name
from nerv360.trajectories.trajectory import Floats, Trajectory, from_rotations

FRONT_DEG = 90.0
MINUTE_S = 60.0
STEP_S = 0.2


def is_its_clock(time_s: Floats) -> bool:
    """Tell whether the times are this data set's: five a second, from a minute's beginning on."""
    steps = np.diff(time_s)
    return bool(
        len(steps) >= 20
        and 0 <= time_s[0] % MINUTE_S < 1
        and np.median(np.abs(steps - STEP_S)) < 0.01 * STEP_S
    )


def read(table: Floats, label: str) -> Trajectory:
    """Return the path of n×4 numbers: time s, roll°, pitch°, yaw°."""
    from scipy.spatial.transform import Rotation  # slow to load

    # Video k is shown in minute k − 1 of one session, and the clock runs through.
    time_s = table[:, 0] - MINUTE_S * np.floor(table[0, 0] / MINUTE_S)
    turn = Rotation.from_euler("y", -FRONT_DEG, degrees=True)
    head = (turn * Rotation.from_euler("ZXY", table[:, 1:], degrees=True)).as_matrix()
    # Unity's (right, up, forward) become our world's (−Z, Y, X).
    to_world = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    return from_rotations(path_name(label), label, time_s, to_world @ head)
