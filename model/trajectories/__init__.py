"""Gaze paths and their readers."""

from model.trajectories.formats import FORMAT_NAMES, DoubtfulFormatError
from model.trajectories.reading import (
    Understanding,
    UnknownFormatError,
    UnknownFormatNameError,
    holds_text,
    read_trajectory,
    understand,
)
from model.trajectories.recording import TrajectoryWriter
from model.trajectories.trajectory import DEFAULT_HFOV_DEG, Step, Trajectory

__all__ = [
    "DEFAULT_HFOV_DEG",
    "FORMAT_NAMES",
    "DoubtfulFormatError",
    "Step",
    "Trajectory",
    "TrajectoryWriter",
    "Understanding",
    "UnknownFormatError",
    "UnknownFormatNameError",
    "holds_text",
    "read_trajectory",
    "understand",
]
