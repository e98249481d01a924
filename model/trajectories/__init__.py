"""Gaze paths and their readers."""

from nerv360.trajectories.formats import FORMAT_NAMES, DoubtfulFormatError
from nerv360.trajectories.reading import (
    Understanding,
    UnknownFormatError,
    UnknownFormatNameError,
    holds_text,
    read_trajectory,
    understand,
)
from nerv360.trajectories.recording import TrajectoryWriter
from nerv360.trajectories.trajectory import Step, Trajectory

__all__ = [
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
