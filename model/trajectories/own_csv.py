"""Our own CSV: a comment header, named columns in seconds and degrees, one row a sample."""

from __future__ import annotations

import importlib.metadata
import os
from array import array
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from model.errors import InputError
from model.geometry import Look
from model.trajectories.table import (
    Line,
    Stream,
    blocks,
    numbers,
    parsed,
    path_name,
    refuse_part,
)
from model.trajectories.trajectory import MAX_SAMPLES, Floats, Interpolation, Trajectory, too_long

MAGIC = "# nerv360 trajectory 1"
COLUMNS = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"
HEAD = 4096
"""Characters within which the format shows itself."""

_RECORDED = "version"
"""The comment that `TrajectoryWriter` alone writes, and a file from other hands has no use for."""
_VALUES = (0, 2, 3, 4, 5)
_MAX_FRAME = 999_999_999


def recognises(head: str) -> bool:
    """A text that begins with ``head`` is in this format."""
    return head.startswith("# nerv360 trajectory") or any(map(_names_columns, head.split("\n")))


def read(stream: Stream, label: str, part: str) -> Trajectory:
    """The path in a text of this format, which is never held as a whole.

    Raises:
        InputError: it is broken, or ``part`` names one path of several.
    """
    refuse_part(label, part)
    reading = _Reading(label)
    for block in blocks(stream, label):
        reading.take(block)
    return reading.trajectory()


class _Reading:
    """A path while it is being read.

    A recording ends every row with a line feed, so that a last line without one was cut off, also
    where it reads as a row (``…,7`` of ``…,78.1``). Files from other hands often lack the last line
    feed; there a last line is left out only where it is no row.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._comments: dict[str, str] = {}
        self._begun = False
        self._number = 1
        self._columns = [array("d") for _ in range(6)]
        self._remark: str | None = None

    def take(self, block: str) -> None:
        lines = block.split("\n")
        tail = lines.pop()  # what follows the last line feed: nothing, but at the end of the file
        numbered = list(enumerate(lines, self._number))
        self._number += len(lines)
        if not self._begun:
            numbered = self._begin(numbered)
        if self._begun:
            self._add(numbered)
            if tail.strip():
                self._add_last(tail)
        elif tail:
            self._begin([(self._number, tail)])

    def trajectory(self) -> Trajectory:
        if not self._begun:
            raise InputError(f"{self._label} names no columns: a line {COLUMNS} is expected")
        time_s, frame, yaw_deg, pitch_deg, roll_deg, hfov_deg = map(np.asarray, self._columns)
        named = frame >= 0
        if named.any() and not named.all():
            raise InputError(
                f"{self._label} names a frame in some rows only: name it in all or in none"
            )
        scene = self._comments.get("scene")
        return Trajectory(
            name=path_name(self._label),
            source=f"{self._label} (recorded with {scene})" if scene else self._label,
            time_s=time_s,
            yaw_deg=yaw_deg,
            pitch_deg=pitch_deg,
            roll_deg=roll_deg,
            hfov_deg=hfov_deg,
            frame=frame.astype(np.int64) if named.any() else None,
            interpolation=_interpolation(self._comments, self._label),
            scaled=self._comments.get("scaled") == "yes",
            remark=self._remark,
        )

    def _begin(self, lines: list[Line]) -> list[Line]:
        """Read the lines up to that of the columns; those after it."""
        for index, (number, line) in enumerate(lines):
            if number == 1 and line.startswith("# nerv360 trajectory") and line.strip() != MAGIC:
                raise InputError(
                    f"{self._label} begins with {line!r}, a version that is not known: {MAGIC!r}"
                )
            if _names_columns(line):
                self._begun = True
                return lines[index + 1 :]
            self._comment(line)
        return []

    def _comment(self, line: str) -> None:
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            self._comments[key.strip()] = value.strip()

    def _add(self, lines: list[Line]) -> None:
        try:
            table = _table([line for _, line in lines])
        except ValueError:
            table = self._table_line_by_line(lines)
        for column, values in zip(self._columns, table.T, strict=True):
            column.frombytes(values.tobytes())
        if len(self._columns[0]) > MAX_SAMPLES:
            raise InputError(too_long(self._label))

    def _add_last(self, line: str) -> None:
        if _RECORDED not in self._comments:
            if line.startswith("#"):
                return
            try:
                self._add([(self._number, line)])
                return
            except InputError:
                pass
        self._remark = f"{self._label}: the last row was cut off and is left out"

    def _table_line_by_line(self, lines: list[Line]) -> Floats:
        for _, line in lines:
            self._comment(line)
        kept = [(n, line) for n, line in lines if line.strip() and not line.startswith("#")]
        try:
            return _table([line for _, line in kept])
        except ValueError:
            return np.array([self._row(*line) for line in kept]).reshape(-1, 6)

    def _row(self, number: int, line: str) -> list[float]:
        fields = line.split(",")
        frame = fields[1].strip() if len(fields) == 6 else "missing"
        values = numbers(",".join(fields[:1] + fields[2:]), ",")
        if values is None or (frame and not frame.isdecimal()):
            raise InputError(
                f"{self._label}, line {number}: six numbers are expected here, the second a frame "
                f"index"
            )
        if len(frame) > 9:
            raise InputError(f"{self._label} names a frame beyond {_MAX_FRAME}, which no clip has")
        return [values[0], float(frame) if frame else -1.0, *values[1:]]


def _names_columns(line: str) -> bool:
    return line.replace(" ", "").lower().strip() == COLUMNS


def _table(lines: list[str]) -> Floats:
    """Rows of six columns, frames that are not named as −1.

    Raises:
        ValueError: some line is no such row, or has to be looked at by itself.
    """
    if not lines or lines[0].split(",", 2)[1:2] != [""]:
        table = parsed(lines, ",", 6)
        frame = table[:, 1]
        if not ((frame >= 0) & (frame <= _MAX_FRAME) & (frame == np.floor(frame))).all():
            raise ValueError("a frame that is no index")
        return table
    if not all(line.count(",") == 5 and line.split(",", 2)[1] == "" for line in lines):
        raise ValueError("a row of another kind")
    table = np.full((len(lines), 6), -1.0)
    table[:, _VALUES] = parsed(lines, ",", 5, _VALUES)
    return table


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
        try:
            version = importlib.metadata.version("nerv360")
        except importlib.metadata.PackageNotFoundError:  # run from a folder of its own
            version = "unknown"
        try:
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError as error:
            raise InputError(f"{path} already exists: record to another file") from error
        except OSError as error:
            raise InputError(f"{path} cannot be made: {error.strerror}") from error
        head = [MAGIC, f"# scene: {' '.join(scene.split())}", f"# version: {version}", COLUMNS]
        self._put("\n".join(head) + "\n")

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


def _interpolation(comments: dict[str, str], label: str) -> Interpolation:
    value = comments.get("between", Interpolation.ANGLES.value)
    try:
        return Interpolation(value)
    except ValueError as error:
        raise InputError(f"{label}: 'between' is angles or rotation, not {value!r}") from error
