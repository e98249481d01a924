"""AVTrack360 (Fremerey et al., MMSys 2018): JSON, one viewer and several videos a file.

Whole degrees from the HTC Vive's pose: yaw right, pitch **down**, roll clockwise, all relative to
the first yaw; its own clock in seconds of playback.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.trajectories.formats.table import choose, is_finite_number, path_name, shown
from nerv360.trajectories.trajectory import Interpolation, Trajectory

_SAMPLES = "pitch_yaw_roll_data_hmd"


def recognises(text: str) -> bool:
    """Tell whether a text is an AVTrack360 file, broken or whole."""
    return text.lstrip().startswith("{") and f'"{_SAMPLES}"' in text


def read(text: str, label: str, part: str) -> Trajectory:
    """Return the path of one viewer at the video ``part``, or at the only one.

    Raises:
        InputError: there is no such video, or a sample is broken.
    """
    try:
        videos = json.loads(text)["data"]
        names = [str(video["filename"]) for video in videos]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"{label} is not an AVTrack360 file: 'data' must list videos, each with a 'filename' "
            f"and '{_SAMPLES}'"
        ) from error
    index = choose(names, part, label)
    try:
        samples = [
            tuple(_number(sample[key]) for key in ("sec", "yaw", "pitch", "roll"))
            for sample in videos[index][_SAMPLES]
        ]
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{label}#{shown(names[index])}: each sample needs the finite numbers sec, yaw, pitch "
            f"and roll"
        ) from error
    time_s, yaw_deg, pitch_deg, roll_deg = np.array(samples).reshape(-1, 4).T.copy()
    return Trajectory(
        name=f"{path_name(label)}-{shown(path_name(names[index]))}",
        source=f"{label}#{shown(names[index])}",
        time_s=time_s,
        yaw_deg=np.unwrap(yaw_deg, period=360),
        pitch_deg=-pitch_deg,
        roll_deg=roll_deg,
        hfov_deg=np.full(len(samples), DEFAULT_HFOV_DEG),
        interpolation=Interpolation.ROTATION,
    )


def _number(value: Any) -> float:
    if not is_finite_number(value):
        raise ValueError("not a finite number")
    return float(value)
