"""Gaze paths and their readers."""

from model.trajectories.own_csv import TrajectoryWriter
from model.trajectories.reading import UnknownFormatError, read_trajectory
from model.trajectories.trajectory import DEFAULT_HFOV_DEG, Step, Trajectory

__all__ = [
    "DEFAULT_HFOV_DEG",
    "Step",
    "Trajectory",
    "TrajectoryWriter",
    "UnknownFormatError",
    "read_trajectory",
]
