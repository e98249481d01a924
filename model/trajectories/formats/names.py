"""Names of columns in gaze files, and the units that they tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nerv360.errors import InputError
from nerv360.trajectories.formats.quaternions import AXES
from nerv360.trajectories.formats.table import shown

ANGLES = ("yaw", "pitch", "roll", "hfov")
QUATERNION = ("qw", "qx", "qy", "qz")
UNSURE = ""
"""Unit of a column whose name tells none."""

_UNIT_NAMES = {
    "s": "s sec secs second seconds",
    "ms": "ms msec msecs millis millisecond milliseconds",
    "us": "us µs μs microseconds",
    "ns": "ns nanoseconds",
    "deg": "deg degs degree degrees °",
    "rad": "rad rads radian radians",
}
_UNITS = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
SCALES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Seconds in each unit of time."""

_NAMES = {
    "time": "t time times timestamp timestamps starttimestamp elapsed elapsedtime seconds sec secs "
    "s ms milliseconds millis msec",
    "playback": "playbacktime videotime",
    "frame": "frame frames frameindex frameno framenumber frameid picture poc videoframe",
    "yaw": "yaw yawangle heading",
    "pitch": "pitch pitchangle",
    "roll": "roll rollangle",
    "hfov": "hfov fov horizontalfov fovx",
    "longitude": "longitude lon",
    "latitude": "latitude lat",
    "index": "idx index",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
TIMES = ("time", "playback")
_WORDS = r"(?:head|hmd|camera|cam|view|viewport|look|user|recording|session|system|device|video)+"
_TURNS = r"(?:unit)?(?:q|quat|quaternion|rot|rotation|orientation|o)?"
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Column:
    """The content of a column.

    Attributes:
        role: ``time``, ``playback``, ``frame``, ``yaw``, ``pitch``, ``roll``, ``hfov``, ``qw`` …
            ``qz``, ``longitude``, ``latitude`` or ``index``.
        unit: s, ms, us, ns, deg, rad, or `UNSURE`.
        sign: −1 if the column counts the other way round.
    """

    role: str
    unit: str = UNSURE
    sign: int = 1


def column(name: str) -> Column | None:
    """Return the content of the column called ``name``, or None if it is no part of a look."""
    text = name.strip().strip("\"'").strip().lower()
    if not text or len(text) > _LONGEST_NAME:
        return None
    sign = -1 if text[0] in "-−" else 1
    text, unit = _unit(text.lstrip("-−+ "))
    letters = re.sub(r"[^a-z0-9]", "", text)
    role = _ROLES.get(letters) or _ROLES.get(re.sub(f"^{_WORDS}", "", letters))
    if role is None:
        turn = re.fullmatch(f"(?:{_WORDS})?{_TURNS}([wxyz])", letters)
        role = f"q{turn[1]}" if turn else None
    if role is None:
        return None
    if role in TIMES:
        unit = unit or _UNITS.get(letters, UNSURE)
        return Column(role, unit, sign) if unit in ("", *SCALES) else None
    return Column(role, unit, sign) if unit in ("", "deg", "rad") else None


def _unit(text: str) -> tuple[str, str]:
    """Return a name without its unit, and the unit."""
    match = re.fullmatch(r"(.*?)[\s_.]*[(\[{/]\s*([a-zµμ°]+)\s*[)\]}]?", text) or re.fullmatch(
        r"(.+?)(?:[\s_.-]+([a-zµμ]+)|(°))", text
    )
    if match:
        unit = next((_UNITS[part] for part in match.groups()[1:] if part in _UNITS), None)
        if unit is not None and match[1].strip():
            return match[1], unit
    return text, UNSURE


def columns(names: Sequence[str]) -> list[Column | None]:
    """Return the content of each column; of two times the playback's is kept."""
    found = [column(name) for name in names]
    roles = [each.role if each else None for each in found]
    if not all(roles.count(role) for role in QUATERNION):
        found = [None if each and each.role in QUATERNION else each for each in found]
    if "playback" in roles:
        found = [None if each and each.role == "time" else each for each in found]
    return found


def tell_a_look(found: Sequence[Column | None]) -> bool:
    """Tell whether columns hold a direction."""
    roles = {each.role for each in found if each}
    return any(
        roles >= set(needed) for needed in (("yaw", "pitch"), QUATERNION, ("longitude", "latitude"))
    )


def named_columns(text: str) -> list[Column | None]:
    """Return the columns that a list of names such as ``time_s,yaw_deg,-pitch_deg,-`` gives.

    Args:
        text: the names, with the axes of a quaternion before them (``unity:time_s,qx,…``) or not.

    Raises:
        InputError: a name is not known, or there are no yaw and pitch.
    """
    axes, colon, listed = text.rpartition(":")
    if colon and axes not in AXES:
        raise InputError(f"'{shown(axes)}' are no axes of quaternions: give {', '.join(AXES)}")
    names = [name.strip() for name in listed.split(",")]
    found = columns(names)
    for name, each in zip(names, found, strict=True):
        if each is None and name not in ("-", "_", ""):
            raise InputError(
                f"'{shown(name)}' is not a column of a gaze path: give time_s, time_ms, frame, "
                f"yaw_deg, pitch_deg, roll_deg, hfov_deg, the same in _rad, each with a minus sign "
                f"if it counts the other way, qw, qx, qy, qz, or - for a column without use"
            )
    if not tell_a_look(found):
        raise InputError(f"'{shown(text)}' names no direction: give yaw and pitch")
    return found
