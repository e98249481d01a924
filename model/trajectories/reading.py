"""Reading gaze paths: our own, JVET's, and those of public head-movement data sets.

``docs/trajectories.md`` documents each format's conventions.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Protocol

from model.errors import InputError
from model.trajectories import avtrack360, corbillon, jin2022, jvet, own_csv
from model.trajectories.table import BLOCK
from model.trajectories.trajectory import Trajectory

MAX_BYTES = 256 * 2**20
MAX_OWN_BYTES = 2 * 2**30
"""Our own CSV is never held as a whole, and a day at 144 looks a second is 1.2 GB of it."""
FORMATS = (
    "our own CSV, JVET dynamic viewports, AVTrack360 JSON, Jin 2022 CSV or Corbillon 2017 text"
)


class UnknownFormatError(InputError):
    """The file is no gaze path in any of the formats, broken or whole."""


class _Reader(Protocol):
    """Module of one format."""

    def recognises(self, text: str) -> bool:
        """The text is in this format, broken or whole."""
        ...

    def read(self, text: str, label: str, part: str) -> Trajectory:
        """The path in a text that is in this format.

        Args:
            label: the file as the user named it.
            part: the name of one of its paths; empty where none is named.
        """
        ...


_READERS: tuple[_Reader, ...] = (avtrack360, jvet, jin2022, corbillon)


def read_trajectory(spec: str) -> Trajectory:
    """The gaze path that ``spec`` names, in whichever format it is.

    Args:
        spec: a file, ``file#part`` where a file holds several paths (``user17.json#13.mp4``,
            ``viewports.json#balboa-vp0``), or one of JVET's by name (``jvet:balboa-vp0``).

    Raises:
        UnknownFormatError: it is no gaze path.
        InputError: there is no such file or part, or it is a broken gaze path.
    """
    if spec.startswith(jvet.PREFIX):
        return jvet.named(spec.removeprefix(jvet.PREFIX))
    file, part = spec, ""
    if "#" in spec and not Path(spec).exists():
        file, _, part = spec.rpartition("#")
    path = Path(file)
    size = _size(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            if own_csv.recognises(stream.read(own_csv.HEAD)):
                _check_size(path, size, MAX_OWN_BYTES)
                stream.seek(0)
                return own_csv.read(stream, file, part)
            _check_size(path, size, MAX_BYTES)
            stream.seek(0)
            text = "".join(iter(lambda: stream.read(BLOCK), ""))
    except UnicodeDecodeError as error:
        raise UnknownFormatError(
            f"{path} is not a gaze path: it is not text; give {FORMATS}"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    for reader in _READERS:
        if reader.recognises(text):
            return reader.read(text, file, part)
    raise UnknownFormatError(f"{file} is not a gaze path: give {FORMATS}")


def _size(path: Path) -> int:
    """Bytes of a file that can be read without waiting for anyone."""
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


def _check_size(path: Path, size: int, allowed: int) -> None:
    if size > allowed:
        raise InputError(f"{path} is larger than {allowed >> 20} MiB: give a shorter path")
