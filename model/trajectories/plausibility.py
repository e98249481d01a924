"""Check whether a path can be the head of a person who watches a clip."""

from __future__ import annotations

import numpy as np

from nerv360.trajectories.trajectory import Floats, Trajectory

FASTEST_DEG_S = 720.0
"""Turn that no head keeps up for long; the fastest heads reach about 600° a second."""
_TURNS_DEG = 720.0
_TURNS_DEG_S = 20.0
_ASKEW_DEG = 35.0
_NOD_DEG = 45.0
_NODS_A_TURN = 8.0
_STEEP_DEG = 75.0
_PICTURES_S = 30.0


def objections(path: Trajectory) -> list[str]:
    """Return reasons why no head moves like this: how it turns, leans, and where it looks."""
    found = []
    yaw = np.unwrap(path.yaw_deg, period=360)
    yaw_range, pitch_range = (float(np.ptp(values)) for values in (yaw, path.pitch_deg))
    steps = np.diff(path.time_s) / (_PICTURES_S if path.by_picture else 1)
    moving = steps > 0
    if moving.any():
        turns = np.hypot(np.diff(yaw), np.diff(path.pitch_deg))[moving] / steps[moving]
        if float(np.percentile(turns, 90)) > FASTEST_DEG_S:
            found.append("turns faster than any head")
        if yaw_range > _TURNS_DEG + _TURNS_DEG_S * float(steps.sum()):
            found.append("turns round and round")
    if _roll(path) > _ASKEW_DEG:
        found.append("holds the head askew")
    if float(np.median(np.abs(path.pitch_deg))) > _STEEP_DEG:
        found.append("looks up or down all the time")
    if pitch_range > _NOD_DEG and pitch_range > _NODS_A_TURN * yaw_range:
        found.append("nods without turning")
    return found


def _roll(path: Trajectory) -> float:
    """Return the root mean square of the roll, in degrees, near the horizon if possible."""
    roll: Floats = (path.roll_deg + 180) % 360 - 180
    level = np.abs(path.pitch_deg) < 60
    return float(np.sqrt(np.mean(np.square(roll[level] if level.any() else roll))))
