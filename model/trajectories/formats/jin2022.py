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
    # Video k is shown in minute k − 1 of one session, and the clock runs through.
    time_s = table[:, 0] - MINUTE_S * np.floor(table[0, 0] / MINUTE_S)
    head = rotations(table[:, 1:])
    front = np.radians(FRONT_DEG)
    turn = np.array(
        [
            [np.cos(front), 0.0, -np.sin(front)],
            [0.0, 1.0, 0.0],
            [np.sin(front), 0.0, np.cos(front)],
        ]
    )
    # Unity's (right, up, forward) become our world's (−Z, Y, X).
    to_world = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    return from_rotations(path_name(label), label, time_s, to_world @ turn @ head)


def rotations(angles_deg: Floats) -> Floats:
    """Return n×3×3 rotations Rz · Rx · Ry in Unity's axes of n×3 angles (roll, pitch, yaw)."""
    (rz, rx, ry) = np.radians(angles_deg).T
    zero, one = np.zeros_like(rz), np.ones_like(rz)

    def matrix(*rows_: tuple[Floats, Floats, Floats]) -> Floats:
        return np.stack([np.stack(row, -1) for row in rows_], -2)

    cz, sz, cx, sx, cy, sy = np.cos(rz), np.sin(rz), np.cos(rx), np.sin(rx), np.cos(ry), np.sin(ry)
    about_z = matrix((cz, -sz, zero), (sz, cz, zero), (zero, zero, one))
    about_x = matrix((one, zero, zero), (zero, cx, -sx), (zero, sx, cx))
    about_y = matrix((cy, zero, sy), (zero, one, zero), (-sy, zero, cy))
    return about_z @ about_x @ about_y
