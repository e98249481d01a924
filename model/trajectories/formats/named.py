"""Sheets whose columns are named: our own CSV, spreadsheets, exports of other programs."""

from __future__ import annotations

import math

import numpy as np

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.trajectories.formats import quaternions
from nerv360.trajectories.formats.names import QUATERNION, SCALES, UNSURE, Column
from nerv360.trajectories.formats.sheet import Sheet
from nerv360.trajectories.formats.table import path_name, shown
from nerv360.trajectories.recording import RECORDED
from nerv360.trajectories.trajectory import (
    MAX_TIME_S,
    Floats,
    Integers,
    Interpolation,
    Trajectory,
)

_SLOWEST_STEP_S = 5.0
_FEWEST = 10
_SLOW_S = 2.0


def angles(sheet: Sheet) -> Trajectory:
    """Return the path of a sheet that names yaw and pitch.

    Raises:
        InputError: it names no time and no frame, or frames in some rows only.
    """
    label = sheet.label
    yaw, pitch, roll = (_degrees(sheet, role) for role in ("yaw", "pitch", "roll"))
    hfov = _degrees(sheet, "hfov")
    time_s, frame = times(sheet), frames(sheet)
    by_picture = time_s is None
    if time_s is None:
        if frame is None:
            raise InputError(f"{label} names no time: name a column time_s or frame")
        time_s, frame = frame.astype(np.float64), None
    assert yaw is not None
    assert pitch is not None
    interpolation = _interpolation(sheet)
    wrapped = interpolation is Interpolation.ANGLES
    scene = sheet.comments.get("scene")
    return Trajectory(
        name=path_name(label),
        source=f"{label} (recorded with {shown(scene)})" if scene else label,
        time_s=time_s,
        yaw_deg=_short_way(yaw, time_s, sheet, "yaw") if wrapped else yaw,
        pitch_deg=signed(pitch) if float(np.max(np.abs(pitch), initial=0)) > 180 else pitch,
        roll_deg=np.zeros(len(yaw)) if roll is None else _short_way(roll, time_s, sheet, "roll"),
        hfov_deg=np.full(len(yaw), DEFAULT_HFOV_DEG) if hfov is None else hfov,
        frame=frame,
        interpolation=interpolation,
        scaled=sheet.comments.get("scaled") == "yes",
        by_picture=by_picture,
    )


def quaternion(sheet: Sheet, axes: str) -> Trajectory:
    """Return the path of a sheet that names qw, qx, qy and qz.

    Raises:
        InputError: it names no time, or a quaternion has not the length 1.
    """
    time_s = times(sheet)
    if time_s is None:
        raise InputError(f"{sheet.label} names no time: name a column time_s")
    table = quaternion_of(sheet)
    return quaternions.path(path_name(sheet.label), sheet.label, time_s, table, axes)


def quaternion_of(sheet: Sheet) -> Floats:
    """Return n×4 quaternions (w, x, y, z) of a sheet that names them."""
    found = [sheet.of(role) for role in QUATERNION]
    return np.stack([column.sign * values for column, values in filter(None, found)], axis=1)


def times(sheet: Sheet) -> Floats | None:
    """Return the times in seconds, from 0 if they are those of a clock, or None without any."""
    found = sheet.of("playback") or sheet.of("time")
    if found is None:
        return None
    column, values = found
    time_s: Floats = values * SCALES.get(column.unit, 1.0)
    if len(time_s) and float(time_s[0]) > MAX_TIME_S:
        sheet.remarks.append("the times are those of a clock; the first one counts as 0")
        time_s = time_s - time_s[0]
    return time_s


def frames(sheet: Sheet) -> Integers | None:
    """Return the frame indices, or None if no row has one.

    Raises:
        InputError: only some rows have one.
    """
    found = sheet.of("frame")
    if found is None:
        return None
    named = ~np.isnan(found[1])
    if named.any() and not named.all():
        raise InputError(
            f"{sheet.label} names a frame in some rows only: name it in all or in none"
        )
    return found[1].astype(np.int64) if named.any() else None


def doubt(sheet: Sheet) -> str | None:
    """Return what looks wrong with the units of a sheet of angles, and what would be right.

    A name that tells another unit (``time_ms``, ``yaw_rad``) is believed, and so is a recording.
    """
    if RECORDED in sheet.comments or not len(sheet.values):
        return None
    return _doubt_seconds(sheet) or _doubt_degrees(sheet)


def _doubt_seconds(sheet: Sheet) -> str | None:
    column, values = sheet.of("playback") or sheet.of("time") or (Column("frame"), np.empty(0))
    if column.unit not in ("s", UNSURE) or len(values) < 3:
        return None
    steps = np.diff(values)
    step = float(np.median(steps))
    if step < _SLOWEST_STEP_S:
        return None
    found = sheet.of("frame")
    if found is not None and not np.isnan(found[1]).any():
        shown_frames = float(np.median(np.diff(found[1])))
        slow = 0 < shown_frames < step
    else:
        slow = len(values) >= _FEWEST
    if not slow:
        return None
    return f"times {step:g} s apart look like milliseconds: if they are, call the column time_ms"


def _doubt_degrees(sheet: Sheet) -> str | None:
    hfov = sheet.of("hfov")
    if hfov is not None and _is_degrees(hfov[0]):
        most = float(np.max(hfov[1], initial=0))
        if 0 < most <= math.pi:
            return f"fields of view of at most {most:.4g}° look like radians: {_RADIANS}"
        return None
    yaw, pitch, roll = (sheet.of(role) for role in ("yaw", "pitch", "roll"))
    if yaw is None or pitch is None or not _is_degrees(yaw[0]) or len(yaw[1]) < _FEWEST:
        return None
    small = (
        float(np.abs(yaw[1]).max()) <= 2 * math.pi
        and float(np.abs(pitch[1]).max()) <= math.pi / 2
        and (roll is None or float(np.abs(roll[1]).max()) <= math.pi)
    )
    if small and float(np.ptp(np.unwrap(yaw[1]))) > 0.3:
        return f"angles of at most {np.abs(yaw[1]).max():.4g}° look like radians: {_RADIANS}"
    return None


_RADIANS = "if they are, call the columns yaw_rad, pitch_rad and so on"


def _is_degrees(column: Column) -> bool:
    return column.unit in ("deg", UNSURE)


def _degrees(sheet: Sheet, role: str) -> Floats | None:
    found = sheet.of(role)
    if found is None:
        return None
    column, values = found
    values = np.degrees(values) if column.unit == "rad" else values
    return values if column.sign > 0 else -values


def signed(angles_deg: Floats) -> Floats:
    """Return angles of 0 to 360° as −180 to 180°."""
    return (angles_deg + 180) % 360 - 180


def _short_way(angles_deg: Floats, time_s: Floats, sheet: Sheet, role: str) -> Floats:
    """Return angles without jumps, if they are kept within one turn.

    A path that leaves −180 to 180° and 0 to 360° counts its turns, and stays as it is.
    """
    if not len(angles_deg):
        return angles_deg
    found = sheet.of(role)
    sign = found[0].sign if found else 1
    low, high = sorted((sign * float(angles_deg.min()), sign * float(angles_deg.max())))
    if not (low >= -180 and high <= 180) and not (low >= 0 and high <= 360):
        return angles_deg
    steps, apart = np.diff(angles_deg), np.diff(time_s)
    # By hand one writes a whole turn as 0 and then 360.
    jumps = (np.abs(steps) > 180) & ~((np.abs(steps) == 360) & (apart > _SLOW_S))
    if role == "yaw" and (jumps & (apart > _SLOW_S)).any():
        sheet.remarks.append(
            "yaw takes the short way between rows; for the long way, add rows in between"
        )
    turns = np.where(jumps, np.round(steps / 360), 0)
    return angles_deg - 360 * np.concatenate([[0.0], np.cumsum(turns)])


def _interpolation(sheet: Sheet) -> Interpolation:
    value = sheet.comments.get("between", Interpolation.ANGLES.value)
    try:
        return Interpolation(value)
    except ValueError as error:
        raise InputError(
            f"{sheet.label}: 'between' is angles or rotation, not '{shown(value)}'"
        ) from error
