"""Writes down where the viewer looks, while it looks."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from model.geometry import Look
from model.trajectories.own_csv import TrajectoryWriter
from viewer.free_path import free_path


def new_recording_path() -> Path:
    """A name that is free among the user's documents.

    Raises:
        OSError: they cannot be looked into.
        RuntimeError: the user has no home.
    """
    return free_path(platformdirs.user_documents_path(), "nerv360-path", ".csv")


class Recorder:
    """Records one gaze path at a time; each row is in its file as soon as it is given.

    Attributes:
        path: the file being written, or nothing.
        elapsed_s: seconds recorded so far, 0 before the first row.
    """

    def __init__(self) -> None:
        self._writer: TrajectoryWriter | None = None
        self.elapsed_s = 0.0

    @property
    def path(self) -> Path | None:
        return self._writer.path if self._writer else None

    def start(self, path: Path, scene: str) -> None:
        """Begin a new file for looks at ``scene``; its time 0 is now.

        Raises:
            InputError: it exists already, or cannot be made.
        """
        self.stop()
        self.elapsed_s = 0.0
        self._writer = TrajectoryWriter(path, scene)

    def advance(self, seconds: float, frame: int, look: Look) -> None:
        """Record where the viewer looks after ``seconds`` more, and which frame is due; nothing
        while no recording runs.

        Raises:
            InputError: the row cannot be written; the recording has ended with the rows before.
        """
        if self._writer is None:
            return
        if self._writer.samples:
            self.elapsed_s += seconds
        try:
            self._writer.append(self.elapsed_s, frame, look)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> Path | None:
        """End the recording; the file that was written, or nothing."""
        writer, self._writer = self._writer, None
        if writer is None:
            return None
        writer.close()
        return writer.path
