"""Projections that a Matroska or WebM file declares and FFmpeg passes over, such as a mesh."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nerv360.video.boxes import TrackBoxes

MOST_ELEMENTS = 20_000
_EBML, _SEGMENT, _TRACKS, _TRACK = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE
_VIDEO, _PROJECTION, _PROJECTION_TYPE, _CLUSTER = 0xE0, 0x7670, 0x7671, 0x1F43B675
_DESCENDED = (_SEGMENT, _TRACKS, _VIDEO, _PROJECTION)
_KNOWN_TO_FFMPEG = (0, 1, 2)
_MESH = 3


class _BrokenError(Exception):
    """The elements end too early, or there are too many."""


def read_projections(path: Path) -> list[TrackBoxes]:
    """Read the projections of all tracks of a Matroska file that FFmpeg does not know, in order.

    A file of another format has no tracks.
    """
    tracks: list[TrackBoxes] = []
    with contextlib.suppress(OSError, _BrokenError), path.open("rb") as file:
        if int.from_bytes(file.read(4), "big") == _EBML:
            _Walk(file, tracks).descend(0, file.seek(0, 2))
    return tracks


class _Walk:
    """Reader of the elements that matter, up to the first cluster."""

    def __init__(self, file: BinaryIO, tracks: list[TrackBoxes]) -> None:
        self._file = file
        self._tracks = tracks
        self._left = MOST_ELEMENTS

    def descend(self, start: int, end: int) -> None:
        for element, inner, after in self._elements(start, end):
            if element == _CLUSTER:
                raise _BrokenError  # what follows are pictures
            if element == _TRACK:
                self._tracks.append(TrackBoxes())
                self.descend(inner, after)
            elif element in _DESCENDED:
                self.descend(inner, after)
            elif element == _PROJECTION_TYPE and self._tracks:
                self._file.seek(inner)
                kind = int.from_bytes(self._file.read(min(after - inner, 8)), "big")
                if kind not in _KNOWN_TO_FFMPEG:
                    self._tracks[-1].projection = "mshp" if kind == _MESH else f"type {kind}"

    def _elements(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the number of each element, and where its content begins and ends."""
        while start < end:
            self._left -= 1
            if self._left < 0:
                raise _BrokenError
            self._file.seek(start)
            element, width = self._number(4, keep_marker=True)
            size, more = self._number(8, keep_marker=False)
            inner = start + width + more
            unknown = size == (1 << (7 * more)) - 1
            after = end if unknown else inner + size
            yield element, inner, min(after, end)
            start = after

    def _number(self, longest: int, keep_marker: bool) -> tuple[int, int]:
        """Read a number of variable length; return it and its bytes."""
        first = self._file.read(1)
        if not first or not first[0]:
            raise _BrokenError
        width = 9 - first[0].bit_length()
        rest = self._file.read(width - 1)
        if width > longest or len(rest) < width - 1:
            raise _BrokenError
        value = int.from_bytes(first + rest, "big")
        return (value if keep_marker else value - (1 << (7 * width))), width
