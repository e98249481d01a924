"""Recording a gaze path while it happens, as our own CSV."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Self

from nerv360.errors import InputError
from nerv360.geometry import Look

MAGIC = "# nerv360 trajectory 1"
COLUMNS = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"
RECORDED = "version"
"""Comment that only `TrajectoryWriter` writes; a file from elsewhere has no reason to hold it."""


def recording_head(scene: str) -> str:
    """Return the lines of a recording of looks at ``scene`` before its first row."""
    try:
        version = importlib.metadata.version("nerv360")
    except importlib.metadata.PackageNotFoundError:  # run from a folder of its own
        version = "unknown"
    lines = [MAGIC, f"# scene: {' '.join(scene.split())}", f"# {RECORDED}: {version}", COLUMNS]
    return "\n".join(lines) + "\n"


class TrajectoryWriter:
    """A path that is recorded while it happens; every row reaches the file at once.

    Args:
        path: the file to make.
        scene: name of the scene that is being looked at.

    Raises:
        InputError: the file exists already, or it cannot be made or written.
    """

    def __init__(self, path: str | os.PathLike[str], scene: str) -> None:
        self.path = Path(path)
        self.samples = 0
        self._yaw_deg = 0.0
        self._time_s = 0.0
        try:
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError as error:
            raise InputError(f"{path} already exists: record to another file") from error
        except OSError as error:
            raise InputError(f"{path} cannot be made: {error.strerror}") from error
        self._put(recording_head(scene))

    def append(self, time_s: float, frame: int, look: Look) -> None:
        """Record one look, ``time_s`` seconds after the start, while ``frame`` was shown.

        Raises:
            InputError: the row cannot be written.
            ValueError: the time is negative or before the last one.
        """
        if time_s < self._time_s:
            raise ValueError(f"time {time_s} s is before the last, {self._time_s} s")
        yaw_deg, pitch_deg, roll_deg, hfov_deg = look.degrees()
        if self.samples:
            yaw_deg += 360.0 * round((self._yaw_deg - yaw_deg) / 360.0)
        self._put(f"{time_s!r},{frame},{yaw_deg!r},{pitch_deg!r},{roll_deg!r},{hfov_deg!r}\n")
        self._yaw_deg, self._time_s = yaw_deg, time_s
        self.samples += 1

    def close(self) -> None:
        """End the recording; the file stays."""
        self._file.close()

    def _put(self, text: str) -> None:
        data = text.encode()
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
