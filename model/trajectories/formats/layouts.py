"""Layouts of rows that name no columns: the data sets', and the usual orders of angles.

What a row holds cannot be read from it. So each layout says which rows can be its own, and
`nerv360.trajectories.plausibility` judges the path that would result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.trajectories.formats import jin2022, jvet, quaternions, salient360, wu2017
from nerv360.trajectories.formats.named import signed
from nerv360.trajectories.formats.table import path_name, refuse_part
from nerv360.trajectories.trajectory import Floats, Trajectory

Read = Callable[[Floats, str], Trajectory]


@dataclass(frozen=True)
class RowLayout:
    """One meaning of rows of numbers.

    Attributes:
        name: for people who choose.
        content: a row, in words.
        fits: whether rows can be of this layout.
        read: the path of rows, of a file's label; or of the label and the name of one of its paths.
        signature: whether rows are of this layout for sure.
        several: a file may hold several paths.
    """

    name: str
    content: str
    fits: Callable[[Floats], bool]
    read: Callable[..., Trajectory]
    signature: Callable[[Floats], bool] = lambda table: False
    several: bool = False

    def build(self, table: Floats, label: str, part: str) -> Trajectory:
        """Return the path of rows, or the one called ``part`` of several.

        Raises:
            InputError: there is no such path, or it is broken.
        """
        if self.several:
            return self.read(table, label, part)
        refuse_part(label, part)
        return self.read(table, label)


def _angles(order: str, radians: bool = False, by_picture: bool = False) -> Read:
    places = {role: place for place, role in enumerate(order.split(), 1)}

    def read(table: Floats, label: str) -> Trajectory:
        yaw, pitch, roll = (
            np.degrees(table[:, places[role]]) if radians else table[:, places[role]]
            for role in ("yaw", "pitch", "roll")
        )
        return Trajectory(
            name=path_name(label),
            source=label,
            time_s=table[:, 0].copy(),
            yaw_deg=np.unwrap(yaw, period=360),
            pitch_deg=signed(pitch) if float(np.abs(pitch).max(initial=0)) > 180 else pitch.copy(),
            roll_deg=np.unwrap(signed(roll), period=360),
            hfov_deg=np.full(len(table), DEFAULT_HFOV_DEG),
            by_picture=by_picture,
        )

    return read


def _turns(axes: str, order: str) -> Read:
    places = list(quaternions.ORDERS[order])

    def read(table: Floats, label: str) -> Trajectory:
        turns = table[:, -4:][:, places]
        return quaternions.path(path_name(label), label, table[:, 0].copy(), turns, axes)

    return read


def _corbillon(table: Floats, label: str) -> Trajectory:
    return _turns("ros", "wxyz")(quaternions.from_placeholder(table), label)


def _columns(count: int) -> Callable[[Floats], bool]:
    return lambda table: table.shape[1] == count


def _are_viewports(table: Floats) -> bool:
    """Tell whether rows of eight numbers can be viewports: fields of view and whole pictures."""
    if table.shape[1] != 8:
        return False
    views, pictures = table[:, :2], table[:, [2, 5]]
    return bool((views > 1).all() and (pictures == np.floor(pictures)).all())


def _has_turns(table: Floats) -> bool:
    return table.shape[1] in (5, 6) and quaternions.are_units(table[:, -4:])


def _has_pictures(table: Floats) -> bool:
    """Tell whether the second of six columns counts pictures."""
    pictures = table[:, 1]
    return bool((pictures >= 0).all() and (pictures == np.floor(pictures)).all())


def _is_corbillon(table: Floats) -> bool:
    return table.shape[1] == 6 and _has_turns(table) and _has_pictures(table)


def _counts_pictures(table: Floats) -> bool:
    """Tell whether the first of four columns counts pictures."""
    first, steps = table[:, 0], np.diff(table[:, 0])
    return bool(
        table.shape[1] == 4
        and (first >= 0).all()
        and (first == np.floor(first)).all()
        and (steps >= 1).all()
    )


def _has_placeholder(table: Floats) -> bool:
    return bool(
        table.shape[1] == 6
        and len(table)
        and np.abs(table[0, 2:] - quaternions.PLACEHOLDER).max() < 1e-9
    )


_TURN = "time s, a number without use or none, quaternion {} in {}'s axes"

LAYOUTS = (
    RowLayout(
        "jvet",
        f"JVET viewport: {jvet.FIELDS}",
        _are_viewports,
        jvet.read_rows,
        _are_viewports,
        several=True,
    ),
    RowLayout(
        "jin2022",
        "Jin et al. 2022, as prepared for NetLLM: time s, roll°, pitch°, yaw°",
        _columns(4),
        jin2022.read,
    ),
    RowLayout(
        "corbillon2017",
        "Corbillon et al. 2017: time s, picture, quaternion w x y z",
        _is_corbillon,
        _corbillon,
        _has_placeholder,
    ),
    RowLayout(
        "salient360",
        "Salient360!: index, longitude and latitude from 0 to 1, start ms",
        salient360.fits,
        salient360.read,
        several=True,
    ),
    RowLayout(
        "wu2017",
        "Wu et al. 2017: time, playback time s, quaternion x y z w, position",
        lambda table: table.shape[1] == 9 and quaternions.are_units(table[:, 2:6]),
        wu2017.read,
    ),
    RowLayout(
        "time-yaw-pitch-roll", "time s, yaw°, pitch°, roll°", _columns(4), _angles("yaw pitch roll")
    ),
    RowLayout(
        "time-yaw-pitch-roll-radians",
        "time s, yaw, pitch and roll in radians",
        _columns(4),
        _angles("yaw pitch roll", radians=True),
    ),
    RowLayout(
        "time-pitch-yaw-roll", "time s, pitch°, yaw°, roll°", _columns(4), _angles("pitch yaw roll")
    ),
    RowLayout(
        "frame-yaw-pitch-roll",
        "picture, yaw°, pitch°, roll°",
        _counts_pictures,
        _angles("yaw pitch roll", by_picture=True),
    ),
    *(
        RowLayout(
            f"{axes}-{order}",
            _TURN.format(" ".join(order), axes),
            # With pictures between, the first of these is Corbillon's.
            (lambda table: _has_turns(table) and not _is_corbillon(table))
            if (axes, order) == ("ros", "wxyz")
            else _has_turns,
            _turns(axes, order),
        )
        for axes in quaternions.AXES
        for order in quaternions.ORDERS
    ),
)
