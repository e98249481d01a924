"""Reading gaze paths: our own, JVET's, and those of public head-movement data sets.

``docs/trajectories.md`` documents each format's conventions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from model.errors import InputError
from model.evaluation.readers import avtrack360, corbillon, jin2022, jvet, own_csv
from model.evaluation.trajectory import Trajectory

MAX_BYTES = 256 * 2**20
FORMATS = (
    "our own CSV, JVET dynamic viewports, AVTrack360 JSON, Jin 2022 CSV or Corbillon 2017 text"
)


class _Reader(Protocol):
    """One format: whether a text is in it, and what the text says.

    ``label`` is the file as the user named it, ``part`` what followed its ``#`` (or nothing).
    """

    def recognises(self, text: str) -> bool: ...

    def read(self, text: str, label: str, part: str) -> Trajectory: ...


_READERS: tuple[_Reader, ...] = (own_csv, avtrack360, jvet, jin2022, corbillon)


def read_trajectory(spec: str) -> Trajectory:
    """The gaze path that ``spec`` names, in whichever format it is.

    Args:
        spec: a file, ``file#part`` where a file holds several paths (``user17.json#13.mp4``,
            ``viewports.json#balboa-vp0``), or one of JVET's by name (``jvet:balboa-vp0``).

    Raises:
        InputError: there is no such file or part, or it is no gaze path.
    """
    if spec.startswith(jvet.PREFIX):
        return jvet.named(spec.removeprefix(jvet.PREFIX))
    file, part = spec, ""
    if "#" in spec and not Path(spec).exists():
        file, _, part = spec.rpartition("#")
    text = _text(Path(file))
    for reader in _READERS:
        if reader.recognises(text):
            return reader.read(text, file, part)
    raise InputError(f"{file} is not a gaze path: give {FORMATS}")


def _text(path: Path) -> str:
    if not path.exists():
        raise InputError(
            f"--trajectory: {path} does not exist: give a file, or one of JVET's paths such as "
            f"jvet:balboa-vp0"
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the file of a gaze path")
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        raise InputError(f"{path} is not a regular file: give the file of a gaze path")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MiB: give a shorter path")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text: give {FORMATS}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
