"""Our own CSV: a comment header, named columns in seconds and degrees, one row a sample."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from model.errors import InputError
from model.evaluation.readers.table import numbers, path_name, refuse_part
from model.evaluation.trajectory import Between, Trajectory
from model.geometry import Look

MAGIC = "# nerv360 trajectory 1"
COLUMNS = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"


def recognises(text: str) -> bool:
    return text.startswith("# nerv360 trajectory") or any(
        line.replace(" ", "").lower() == COLUMNS for line in text[:4096].splitlines()
    )


def read(text: str, label: str, part: str) -> Trajectory:
    refuse_part(label, part)
    lines = text.splitlines()
    if lines[0].startswith("# nerv360 trajectory") and lines[0].strip() != MAGIC:
        raise InputError(
            f"{label} begins with {lines[0]!r}, a version that is not known: {MAGIC!r}"
        )
    header = _header(lines)
    start = next(
        (i for i, line in enumerate(lines) if line.replace(" ", "").lower() == COLUMNS), None
    )
    if start is None:
        raise InputError(f"{label} names no columns: a line {COLUMNS} is expected")
    frames: list[str] = []
    table: list[list[float]] = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(",")
        values = numbers(",".join(fields[:1] + fields[2:]), ",") if len(fields) == 6 else None
        if values is None or not (not fields[1].strip() or fields[1].strip().isdecimal()):
            if number == len(lines) and not text.endswith("\n"):
                break  # the recording was cut off while its last row was written
            raise InputError(
                f"{label}, line {number}: six numbers are expected here, the second a frame index"
            )
        table.append(values)
        frames.append(fields[1].strip())
    if any(frames) and not all(frames):
        raise InputError(f"{label} names a frame in some rows only: name it in all or in none")
    if any(len(frame) > 9 for frame in frames):
        raise InputError(f"{label} names a frame beyond 999999999, which no clip has")
    time_s, yaw_deg, pitch_deg, roll_deg, hfov_deg = np.array(table).reshape(-1, 5).T.copy()
    recorded = f" (recorded with {header['scene']})" if header.get("scene") else ""
    return Trajectory(
        name=path_name(label),
        source=f"{label}{recorded}",
        time_s=time_s,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        hfov_deg=hfov_deg,
        frame=np.array([int(f) for f in frames]) if any(frames) else None,
        between=_between(header.get("between", Between.ANGLES.value), label),
        scaled=header.get("scaled") == "yes",
    )


def write_trajectory(
    path: str | os.PathLike[str], trajectory: Trajectory, *, overwrite: bool = False
) -> None:
    """Write a whole path; reading it gives the very same numbers.

    Raises:
        InputError: the file exists and ``overwrite`` is not set, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise InputError(f"{path} already exists: give another name or --overwrite")
    frames = [""] * len(trajectory) if trajectory.frame is None else trajectory.frame.tolist()
    columns = (
        trajectory.time_s.tolist(),
        frames,
        trajectory.yaw_deg.tolist(),
        trajectory.pitch_deg.tolist(),
        trajectory.roll_deg.tolist(),
        trajectory.hfov_deg.tolist(),
    )
    comments = {"source": trajectory.source, "between": trajectory.between.value}
    if trajectory.scaled:
        comments["scaled"] = "yes"
    body = "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(_head(comments) + body, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


class TrajectoryWriter:
    """A path that is recorded while it happens; every row is in the file as soon as it is given.

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
        version = importlib.metadata.version("nerv360")
        try:
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError as error:
            raise InputError(f"{path} already exists: record to another file") from error
        except OSError as error:
            raise InputError(f"{path} cannot be made: {error.strerror}") from error
        self._put(_head({"scene": scene, "version": version}))

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _head(comments: dict[str, str]) -> str:
    lines = (f"# {key}: {' '.join(value.split())}" for key, value in comments.items())
    return "\n".join([MAGIC, *lines, COLUMNS]) + "\n"


def _header(lines: list[str]) -> dict[str, str]:
    comments = (line[1:].partition(":") for line in lines if line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in comments}


def _between(value: str, label: str) -> Between:
    try:
        return Between(value)
    except ValueError as error:
        raise InputError(f"{label}: 'between' is angles or rotation, not {value!r}") from error
