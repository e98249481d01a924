"""Follows a gaze path in the viewer."""

from __future__ import annotations

from model.trajectories.trajectory import Step, Trajectory


class Replay:
    """A place on a path. What is shown there follows from the path and the time alone, so that
    every replay shows the same looks and frames.

    Attributes:
        trajectory: the path.
        seconds: since its beginning.
        duration: of the whole replay, seconds.
    """

    def __init__(self, trajectory: Trajectory, frames: int, fps: float) -> None:
        """Stand at the beginning of ``trajectory``, for a clip of ``frames`` at ``fps`` a second.

        Raises:
            InputError: the path shows frames that the clip does not have.
        """
        trajectory.check_frames(frames)
        self.trajectory = trajectory
        self.seconds = 0.0
        self.duration = trajectory.replay_s(frames, fps)
        self._clip = frames, fps

    @property
    def ended(self) -> bool:
        """The whole path has been shown."""
        return self.seconds >= self.duration

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; the end stays the end."""
        self.seconds = min(self.seconds + seconds, self.duration)

    def restart(self) -> None:
        """Back to the beginning."""
        self.seconds = 0.0

    def step(self) -> Step:
        """What is shown now."""
        return self.trajectory.step_at(self.seconds, *self._clip)
