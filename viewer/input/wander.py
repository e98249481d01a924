"""A gaze path for ``--wander``: all around the sphere, up and down, closer and further."""

from __future__ import annotations

import math

import numpy as np

from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.trajectories import Trajectory

DURATION_S = 24.0
_SAMPLES_A_SECOND = 30  # At least.
_SWAY_DEG, _NOD_DEG, _ZOOM_DEG = 12.0, 14.0, 12.0


def wandering_path(frames: int, fps: float) -> Trajectory:
    """Return a closed path from the picture's middle, with the clip looping at ``fps``."""
    samples = math.ceil(_SAMPLES_A_SECOND / fps)  # Of each frame.
    count = round(DURATION_S * fps) * samples
    index = np.arange(count + 1)
    turn = 2 * math.pi * index / count
    return Trajectory(
        name="wander",
        source="the wandering look",
        time_s=index / (fps * samples),
        yaw_deg=np.degrees(turn) + _SWAY_DEG * np.sin(3 * turn),
        pitch_deg=_NOD_DEG * np.sin(2 * turn),
        roll_deg=np.zeros(count + 1),
        hfov_deg=DEFAULT_HFOV_DEG - _ZOOM_DEG * (1 - np.cos(2 * turn)) / 2,
        frame=index // samples % frames,
    )
