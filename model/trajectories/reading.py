"""Reading gaze paths: our own, JVET's, and those of public head-movement data sets.

``docs/trajectories.md`` documents each format's conventions.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from nerv360.errors import InputError
from nerv360.trajectories.formats import (
    BLOCK,
    FORMAT_NAMES,
    OWN,
    PREFIX,
    Column,
    NoRowsError,
    Understanding,
    named_columns,
    read_sheet,
    shown,
    told_by_place,
    told_of_json,
    told_of_rows,
)
from nerv360.trajectories.recording import COLUMNS, MAGIC
from nerv360.trajectories.trajectory import Trajectory

MAX_BYTES = 64 * 2**20
"""Bytes of JSON, which is held as a whole and takes some ten times as many as objects."""
MAX_OWN_BYTES = 2 * 2**30
"""Rows are never held as text, and a day at 144 looks a second is 1.2 GB of them."""
_HEAD = 4096
_VIDEO = b"YUV4MPEG2"
"""A video whose first bytes are text."""
FORMATS = "our own CSV, JVET dynamic viewports, or a head-movement data set that is known"


class UnknownFormatError(InputError):
    """The file is no gaze path in any of the formats, broken or whole."""


class UnknownFormatNameError(InputError):
    """There is no format of that name."""


def read_trajectory(spec: str, gaze_format: str | None = None) -> Trajectory:
    """Return the gaze path that ``spec`` names, in whichever format it is.

    Args:
        spec: a file, ``file#part`` if a file holds several paths (``user17.json#13.mp4``,
            ``viewports.json#balboa-vp0``), or one of JVET's by name (``jvet:balboa-vp0``).
        gaze_format: one of `FORMAT_NAMES`, or the names of the columns between commas; told from
            the file if it is None.

    Raises:
        UnknownFormatError: it is no gaze path.
        DoubtfulFormatError: it can be read in more than one way.
        InputError: there is no such file, part or format, or it is a broken gaze path.
    """
    return understand(spec, gaze_format).path


def understand(spec: str, gaze_format: str | None = None) -> Understanding:
    """Return the gaze path that ``spec`` names, with what was understood of its file.

    Arguments and errors are those of `read_trajectory`.
    """
    columns = _check_format(gaze_format)
    if spec.startswith(PREFIX):
        return told_by_place(spec.removeprefix(PREFIX))
    file, part = _file_and_part(spec)
    with _opened(Path(file)) as stream:
        understanding = _told(stream, file, part, gaze_format, columns)
    if not understanding.remarks:
        return understanding
    remark = f"{file}: {'; '.join(understanding.remarks)}"
    return replace(understanding, path=replace(understanding.path, remark=remark))


def holds_text(spec: str) -> bool:
    """Tell whether ``spec``, as `read_trajectory` takes it, can name a gaze path at all."""
    if spec.startswith(PREFIX):
        return True
    path = Path(_file_and_part(spec)[0])
    try:
        _size(path)
        with path.open("rb") as raw:
            _encoding(raw.read(_HEAD), path)
    except (InputError, OSError):
        return False
    return True


def _check_format(name: str | None) -> list[Column | None] | None:
    """Return the columns that a format names, or None if it is the name of one.

    Raises:
        UnknownFormatNameError: it is neither.
    """
    if name is None or name in FORMAT_NAMES:
        return None
    if "," not in name:
        raise UnknownFormatNameError(
            f"'{shown(name)}' is not a format of gaze paths: give one of "
            f"{', '.join(FORMAT_NAMES)}, or the columns, such as time_s,yaw_deg,pitch_deg"
        )
    try:
        return named_columns(name)
    except InputError as error:
        raise UnknownFormatNameError(str(error)) from None


def _told(
    stream: TextIO, file: str, part: str, wanted: str | None, columns: list[Column | None] | None
) -> Understanding:
    head = stream.read(_HEAD)
    stream.seek(0)
    if head.lstrip().startswith(("{", "[")):
        text = "".join(iter(lambda: stream.read(BLOCK), ""))
        told = told_of_json(text, file, part, wanted)
        if told is None:
            raise UnknownFormatError(f"{file} is not a gaze path: give {FORMATS}")
        return told
    first = head.split("\n", 1)[0]
    if first.startswith("# nerv360 trajectory") and first.strip() != MAGIC:
        raise InputError(
            f"{file} begins with '{shown(first)}', a version that is not known: '{MAGIC}'"
        )
    try:
        rows = read_sheet(stream, file, columns, lenient=wanted not in (None, OWN))
    except NoRowsError as error:
        if first.startswith(MAGIC):
            raise InputError(f"{file} names no columns: a line {COLUMNS} is expected") from None
        raise UnknownFormatError(f"{error}; give {FORMATS}") from None
    return replace(told_of_rows(rows, part, wanted), remarks=tuple(rows.remarks))


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Yield the text of a file, in UTF-8, UTF-16 with its mark, or Windows' Latin letters."""
    size = _size(path)
    try:
        with path.open("rb") as raw:
            head = raw.read(_HEAD)
        encoding = _encoding(head, path)
        allowed = MAX_BYTES if head.lstrip()[:1] in (b"{", b"[") else MAX_OWN_BYTES
        if size > allowed:
            raise InputError(f"{path} is larger than {allowed >> 20} MiB: give a shorter path")
        with path.open(encoding=encoding, errors="replace") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _encoding(head: bytes, path: Path) -> str:
    """Return how the first bytes of a file are written.

    Raises:
        UnknownFormatError: they are not text.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.startswith(_VIDEO) or any(byte < 9 or 13 < byte < 32 for byte in head.rstrip(b"\0")):
        raise UnknownFormatError(f"{path} is not a gaze path: it is not text; give {FORMATS}")
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _file_and_part(spec: str) -> tuple[str, str]:
    """Split a file's name from the path that is meant in it; a file may have a # in its name."""
    with suppress(OSError, ValueError):
        if "#" not in spec or Path(spec).exists():
            return spec, ""
    file, _, part = spec.rpartition("#")
    return file, part


def _size(path: Path) -> int:
    """Return the bytes of a file that can be read without waiting for anyone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist: give the file of a gaze path, or one of JVET's paths such as "
            f"jvet:balboa-vp0"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder: give the file of a gaze path")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for whoever writes to it
        raise InputError(f"{path} is not a regular file: give the file of a gaze path")
    return status.st_size
