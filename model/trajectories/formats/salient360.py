"""Salient360! (David et al., MMSys 2018): index, longitude, latitude, start in milliseconds.

Scanpaths of the head, "H", and of head and eye, "HE" (with a duration as fifth column). Longitude
and latitude are fractions of an equirectangular picture's width and height, so that 0.5 is the
middle of both, longitude rises to the right and latitude **downwards**. Roll is not recorded. A
file holds many observers, one after the other; each begins with index 0.
"""

from __future__ import annotations

import numpy as np

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.trajectories.formats.table import choose, path_name
from nerv360.trajectories.trajectory import Floats, Interpolation, Trajectory


def fits(table: Floats) -> bool:
    """Tell whether rows of four or five numbers can be of this data set."""
    if table.shape[1] not in (4, 5) or not len(table):
        return False
    index, places, start = table[:, 0], table[:, 1:3], table[:, 3]
    steps = np.diff(index)
    begins = index[0] == 0 and bool(((steps == 1) | (index[1:] == 0)).all())
    starts = np.diff(start)[steps == 1]
    return bool(
        begins
        and (places >= 0).all()
        and (places <= 1).all()
        and (start >= 0).all()
        and (starts >= 0).all()
        and (len(starts) == 0 or float(np.median(starts)) >= 1)
    )


def read(table: Floats, label: str, part: str) -> Trajectory:
    """Return the path of one observer, ``part`` counted from 0, or of the only one.

    Raises:
        InputError: there is no such observer, or a place is not within 0 to 1.
    """
    starts = np.flatnonzero(np.diff(table[:, 0], prepend=np.inf) < 0).tolist()
    names = [str(number) for number in range(len(starts))]
    chosen = choose(names, part, label)
    table = table[starts[chosen] : [*starts[1:], len(table)][chosen]]
    places = table[:, 1:3]
    if not ((places >= 0) & (places <= 1)).all():
        raise InputError(f"{label} holds a longitude or latitude that is not within 0 to 1")
    several = len(names) > 1
    return Trajectory(
        name=f"{path_name(label)}-{names[chosen]}" if several else path_name(label),
        source=f"{label}#{names[chosen]}" if several else label,
        time_s=table[:, 3] / 1000,
        yaw_deg=np.unwrap(360 * (places[:, 0] - 0.5), period=360),
        pitch_deg=180 * (0.5 - places[:, 1]),
        roll_deg=np.zeros(len(table)),
        hfov_deg=np.full(len(table), DEFAULT_HFOV_DEG),
        interpolation=Interpolation.ROTATION,
    )
