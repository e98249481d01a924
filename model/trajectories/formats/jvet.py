"""JVET's dynamic viewports: from one look to another, linear in the picture number.

Figures of class S2 from 360Lib 13.2 and 13.4, cfg-360Lib/per-sequence/360: 78.1°×49.1° viewports
of 1920×1080; yaw is not wrapped and passes 180° linearly.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from nerv360.errors import InputError
from nerv360.trajectories.formats.table import choose, is_finite_number, path_name, shown
from nerv360.trajectories.trajectory import Floats, Trajectory

PREFIX = "jvet:"
FIELDS = "hFOV vFOV startPOC startYaw startPitch endPOC endYaw endPitch"

_FPS_LAST = {
    "balboa": (60, 599),
    "brancastle": (30, 299),
    "broadway": (60, 599),
    "landing": (30, 299),
}
_S2 = {
    "balboa-vp0": (-4, 3, 86, 33),
    "balboa-vp1": (-116, -24, -26, 6),
    "brancastle-vp0": (116, -15, 206, 15),
    "brancastle-vp1": (-145, 0, -55, 30),
    "broadway-vp0": (50, -20, 140, 10),
    "broadway-vp1": (-111, -41, -21, -11),
    "landing-vp0": (-45, 0, 45, 30),
    "landing-vp1": (-225, 0, -135, 30),
}
NAMES = tuple(_S2)


def named(name: str) -> Trajectory:
    """Return one of class S2's eight dynamic viewports, stretched over the clip.

    Raises:
        InputError: there is none of that name.
    """
    if name.lower() not in _S2:
        names = ", ".join(PREFIX + known for known in NAMES)
        raise InputError(f"{PREFIX}{name} is not a path of JVET class S2: give one of {names}")
    name = name.lower()
    fps, last = _FPS_LAST[name.partition("-")[0]]
    start_yaw, start_pitch, end_yaw, end_pitch = _S2[name]
    values = [78.1, 49.1, 0, start_yaw, start_pitch, last, end_yaw, end_pitch]
    return _trajectory(name, f"JVET class S2, {name}", values, fps)


def recognises(text: str) -> bool:
    """Tell whether a text is JSON that lists dynamic viewports, broken or whole."""
    return text.lstrip().startswith("{") and '"dynamic"' in text


def read_rows(table: Floats, label: str, part: str) -> Trajectory:
    """Return the path of the viewport ``part`` of n×8 numbers, or of the only one.

    Raises:
        InputError: there is no such viewport, or its numbers are broken.
    """
    names = [f"vp{index}" for index in range(len(table))]
    index = choose(names, part, label)
    name = path_name(label) if len(table) == 1 else f"{path_name(label)}-{names[index]}"
    return _trajectory(name, f"{label}#{names[index]}", table[index].tolist(), 30.0)


def read(text: str, label: str, part: str) -> Trajectory:
    """Return the path of the viewport ``part``, or of the only one.

    Raises:
        InputError: there is no such viewport, or its numbers are broken.
    """
    try:
        content = json.loads(text)
        dynamic, rates = content["dynamic"], content.get("fps_frames", {})
        found = {
            f"{sequence}-vp{index}": (values, rates.get(sequence, (30, 0))[0])
            for sequence, viewports in dynamic.items()
            for index, values in enumerate(viewports)
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{label} is not a list of JVET viewports: under 'dynamic' each sequence has rows of "
            f"{FIELDS}"
        ) from error
    name = list(found)[choose(list(found), part, label)]
    values, fps = found[name]
    return _trajectory(shown(name.lower()), f"{label}#{shown(name)}", values, fps)


def _trajectory(name: str, source: str, values: Any, fps: Any) -> Trajectory:
    if (
        not isinstance(values, list)
        or len(values) != 8
        or not all(map(is_finite_number, [*values, fps]))
    ):
        raise InputError(f"{source} must be eight finite numbers: {FIELDS}")
    hfov, vfov, first, start_yaw, start_pitch, last, end_yaw, end_pitch = map(float, values)
    if not 0 <= first <= last or fps <= 0:
        raise InputError(f"{source} must run from picture 0 or later to a later one")
    if not 0 < vfov < 180:
        raise InputError(f"{source} has a field of view not between 0° and 180°")
    pictures = [0.0, first, last] if first > 0 else [first, last]
    held = [0.0, 0.0, 1.0] if first > 0 else [0.0, 1.0]
    weight = np.array(held)
    return Trajectory(
        name=name,
        source=source,
        time_s=np.array(pictures) / fps,
        yaw_deg=start_yaw + (end_yaw - start_yaw) * weight,
        pitch_deg=start_pitch + (end_pitch - start_pitch) * weight,
        roll_deg=np.zeros(len(weight)),
        hfov_deg=np.full(len(weight), hfov),
        scaled=True,
    )
