"""The original clip's pictures, in any order."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from model.metrics import median_frames, temporal_median
from model.video import FrameSource, VideoInfo, open_frames


class ClipPictures:
    """Random access to a clip, fast in rising order.

    Only one picture and the still panorama are in memory at a time.

    Raises:
        InputError: the clip cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._source: FrameSource = open_frames(path)
        self.info: VideoInfo = self._source.info
        self._pictures: Iterator[Tensor] = iter(())
        self._index = -1
        self._picture: Tensor | None = None
        self._still: tuple[int, Tensor] | None = None

    def __getitem__(self, index: int) -> Tensor:
        """Return picture ``index``, uint8 height×width×3."""
        if not 0 <= index < self.info.frames:
            raise IndexError(index)
        if self._picture is None or index < self._index:
            self._pictures, self._index, self._picture = iter(self._source), -1, None
        while self._picture is None or self._index < index:
            self._picture = next(self._pictures)
            self._index += 1
        return self._picture

    def still(self, frames: int) -> Tensor:
        """Return the temporal median of the first ``frames`` pictures; it is cached."""
        if self._still is None or self._still[0] != frames:
            wanted = median_frames(frames, 3 * self.info.width * self.info.height)
            self._still = frames, temporal_median([self[index] for index in wanted])
        return self._still[1]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        if not file.is_file():
            continue
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{file.name if path.is_dir() else ''} {content}\n".encode())
    return total.hexdigest()
