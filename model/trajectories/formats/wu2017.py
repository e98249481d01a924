"""Wu et al. (MMSys 2017): CSV of time, playback time, unit quaternion and position of the headset.

Columns ``Timestamp`` (of the wall clock), ``PlaybackTime`` (seconds of the video),
``UnitQuaternion.w`` … ``.z`` and ``HmdPosition.x`` … ``.z``, in any order. The HTC Vive's
orientation is in Unity's axes. Rows before the playback's beginning still carry the time of the
video before; they are left out. The data set does not say which yaw is the picture's middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nerv360.errors import InputError
from nerv360.trajectories.formats import named, quaternions
from nerv360.trajectories.formats.sheet import Sheet
from nerv360.trajectories.formats.table import path_name
from nerv360.trajectories.trajectory import Floats, Trajectory

AXES = "unity"
ORDER = "xyzw"
_RESTART_S = 1.0


def names_it(header: Sequence[str]) -> bool:
    """Tell whether the names of columns are those of this data set."""
    joined = "".join(header).lower()
    return "playbacktime" in joined and "unitquaternion" in joined


def read_named(sheet: Sheet) -> Trajectory:
    """Return the path of a sheet that names its columns.

    Raises:
        InputError: it has no playback time, or a quaternion's length is not 1.
    """
    time_s = named.times(sheet)
    if time_s is None:
        raise InputError(f"{sheet.label} names no time: a column PlaybackTime is expected")
    return _path(sheet.label, time_s, named.quaternion_of(sheet))


def read(table: Floats, label: str) -> Trajectory:
    """Return the path of rows without names: time, playback time, quaternion x y z w.

    Raises:
        InputError: a quaternion's length is not 1.
    """
    order = list(quaternions.ORDERS[ORDER])
    return _path(label, table[:, 1], table[:, 2:6][:, order])


def _path(label: str, time_s: Floats, turns: Floats) -> Trajectory:
    restarts = np.flatnonzero(np.diff(time_s) < -_RESTART_S)
    first = int(restarts[-1]) + 1 if len(restarts) else 0
    return quaternions.path(path_name(label), label, time_s[first:], turns[first:], AXES)
