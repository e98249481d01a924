"""Whether a path can be the head of a person who watches a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.trajectories.trajectory import Floats, Trajectory

FASTEST_DEG_S = 720.0
"""Turn of a head that is never passed for long; the fastest reach about 600° a second."""
_TURNS_DEG = 720.0
_TURNS_DEG_S = 20.0
_IMPOSSIBLE_ROLL_DEG = 25.0
_UNUSUAL_ROLL_DEG = 12.0
_STEEP_DEG = 65.0
_SLOWEST_STEP_S = 0.7
_LATE_S = 3600.0


@dataclass(frozen=True)
class Judgement:
    """What speaks against a path, in words.

    Attributes:
        impossible: no head does that.
        unusual: few heads do that.
    """

    impossible: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()


def judge(path: Trajectory) -> Judgement:
    """Return what speaks against a path: its speed, its roll, where it looks, its times."""
    impossible, unusual = [], []
    yaw = np.unwrap(path.yaw_deg, period=360)
    yaw_range, pitch_range = (float(np.ptp(values)) for values in (yaw, path.pitch_deg))
    steps = np.diff(path.time_s) if not path.by_picture else np.diff(path.time_s) / 30
    moving = steps > 0
    if moving.any():
        turns = np.hypot(np.diff(yaw), np.diff(path.pitch_deg))[moving] / steps[moving]
        if float(np.percentile(turns, 90)) > FASTEST_DEG_S:
            impossible.append("turns faster than any head")
        if yaw_range > _TURNS_DEG + _TURNS_DEG_S * float(steps.sum()):
            impossible.append("turns round and round")
        if not path.by_picture and float(np.median(steps[moving])) > _SLOWEST_STEP_S:
            unusual.append("has less than a look and a half a second")
    roll = _roll(path)
    if roll > _IMPOSSIBLE_ROLL_DEG:
        impossible.append("holds the head askew")
    elif roll > _UNUSUAL_ROLL_DEG:
        unusual.append("holds the head askew")
    if float(np.median(np.abs(path.pitch_deg))) > _STEEP_DEG:
        impossible.append("looks up or down all the time")
    if pitch_range > 40 and pitch_range > 3 * yaw_range:
        unusual.append("nods much more than it turns")
    if path.time_s[0] > _LATE_S:
        unusual.append("begins late")
    return Judgement(tuple(impossible), tuple(unusual))


def _roll(path: Trajectory) -> float:
    """Return the root mean square of the roll, in degrees, near the horizon if possible."""
    roll: Floats = (path.roll_deg + 180) % 360 - 180
    level = np.abs(path.pitch_deg) < 60
    return float(np.sqrt(np.mean(np.square(roll[level] if level.any() else roll))))
