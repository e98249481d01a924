"""Spherical, stereo and ambisonic metadata in the boxes of an MP4 file; FFmpeg ignores some.

Only headers of boxes are read, and a bounded number of them. The layouts are those of Google's
spatial media, versions 1 (XML in a ``uuid`` box) and 2 (``st3d``, ``sv3d``), and of its spatial
audio (``SA3D``).
"""

from __future__ import annotations

import contextlib
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST_BOXES = 20_000
MOST_XML_BYTES = 1 << 20
_MOST_CHANNELS = 64
_SPHERICAL_V1 = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_SAMPLE_ENTRY_BYTES = 78
_DESCENDED = (b"moov", b"mdia", b"minf", b"stbl", b"sv3d", b"proj")
_STEREO_MODES = {1: "top-bottom", 2: "left-right", 3: "custom", 4: "right-left"}

_SOUND_ENTRY_BYTES = (28, 44, 64)
"""Length of the description of a sound track by its version, as QuickTime has them."""

Bounds = tuple[float, float, float, float]
Pose = tuple[float, float, float]


@dataclass(frozen=True)
class Ambisonics:
    """Declaration of a sound track (``SA3D``).

    Attributes:
        is_ambix: its components are in ACN order with SN3D weights.
        components: number of the component that each channel carries.
    """

    is_ambix: bool
    components: tuple[int, ...]


@dataclass
class TrackBoxes:
    """Declaration of one track.

    Attributes:
        track: its number; 0 if it has none.
        projection: name of the box within ``proj``, such as ``equi``, or a name from the XML; None
            if there is none.
        layout, padding: of a cubemap.
        bounds: shares of the sphere that lie outside the picture: left, top, right, bottom.
        pose: yaw, pitch and roll in radians.
        stereo: ``top-bottom``, ``left-right``, ``right-left``, ``custom`` or ``mode N``; None if
            none or a single eye is declared.
        first_look_deg: yaw and pitch to be seen first; None if not declared.
        is_sound: it is a sound track.
        ambisonics: of a sound track; None if not declared.
    """

    track: int = 0
    projection: str | None = None
    layout: int = 0
    padding: int = 0
    bounds: Bounds = (0.0, 0.0, 0.0, 0.0)
    pose: Pose = (0.0, 0.0, 0.0)
    stereo: str | None = None
    first_look_deg: tuple[float, float] | None = None
    is_sound: bool = False
    ambisonics: Ambisonics | None = None


def read_boxes(path: Path) -> list[TrackBoxes]:
    """Read the declarations of all tracks of an MP4 file, in their order.

    A file of another format has none; a broken file has those before the break.
    """
    tracks: list[TrackBoxes] = []
    with contextlib.suppress(OSError, _BrokenError), path.open("rb") as file:
        _Walk(file, tracks).descend(0, file.seek(0, 2), b"")
    return tracks


def read_xml(text: str, into: TrackBoxes) -> None:
    """Add what the XML of version 1 declares, which Matroska files have as a tag."""

    def value(name: str) -> str | None:
        found = re.search(rf"<GSpherical:{name}>\s*([^<]*?)\s*<", text)
        return found[1] if found else None

    def number(name: str) -> float | None:
        try:
            return float(value(name) or "")
        except ValueError:
            return None

    if (value("Spherical") or "").lower() == "true" and into.projection is None:
        into.projection = (value("ProjectionType") or "equirectangular").lower()
    stereo = (value("StereoMode") or "mono").lower()
    if stereo != "mono" and into.stereo is None:
        into.stereo = stereo
    full = [number(f"FullPano{side}Pixels") for side in ("Width", "Height")]
    area = [number(f"CroppedAreaImage{side}Pixels") for side in ("Width", "Height")]
    start = [number(f"CroppedArea{side}Pixels") or 0.0 for side in ("Left", "Top")]
    (width, height), (wide, high), (left, top) = full, area, start
    if width and height and wide and high:
        shares = left / width, top / height, 1 - (left + wide) / width, 1 - (top + high) / height
        if all(-1e-3 < share < 1 for share in shares):
            one, two, three, four = (max(share, 0.0) for share in shares)
            into.bounds = one, two, three, four
    look = [number(f"InitialView{name}Degrees") for name in ("Heading", "Pitch")]
    if any(look):
        into.first_look_deg = (look[0] or 0.0, look[1] or 0.0)


class _BrokenError(Exception):
    """The boxes end too early, or there are too many."""


class _Walk:
    """Reader of the boxes that matter."""

    def __init__(self, file: BinaryIO, tracks: list[TrackBoxes]) -> None:
        self._file = file
        self._tracks = tracks
        self._left = MOST_BOXES

    def descend(self, start: int, end: int, parent: bytes) -> None:
        for kind, inner, after in self._boxes(start, end):
            if kind == b"trak":
                self._tracks.append(TrackBoxes())
                self.descend(inner, after, kind)
            elif kind in _DESCENDED:
                self.descend(inner, after, kind)
            elif kind == b"stsd":
                for name, entry, entry_end in self._boxes(inner + 8, after):
                    self._describe(name, entry, entry_end)
            elif self._tracks:
                self._read(self._tracks[-1], kind, inner, after, parent)

    def _describe(self, name: bytes, start: int, end: int) -> None:
        """Read the boxes in a description of samples, of pictures or of sound."""
        length = _SAMPLE_ENTRY_BYTES
        if self._tracks and self._tracks[-1].is_sound:
            version = int.from_bytes(self._bytes(start + 8, 2), "big")
            length = _SOUND_ENTRY_BYTES[min(version, len(_SOUND_ENTRY_BYTES) - 1)]
        self.descend(start + length, end, b"stsd")

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the kind of each box, and where its content begins and ends."""
        while start + 8 <= end:
            self._left -= 1
            if self._left < 0:
                raise _BrokenError
            size, kind = struct.unpack(">I4s", self._bytes(start, 8))
            inner = start + 8
            if size == 1:
                (size,) = struct.unpack(">Q", self._bytes(inner, 8))
                inner += 8
            after = end if size == 0 else start + size
            if not inner <= after <= end:
                return
            yield kind, inner, after
            start = after

    def _read(self, track: TrackBoxes, kind: bytes, start: int, end: int, parent: bytes) -> None:
        length = end - start
        if kind == b"tkhd" and length >= 24:
            version = self._bytes(start, 1)[0]
            (track.track,) = struct.unpack(">I", self._bytes(start + (20 if version else 12), 4))
        elif kind == b"hdlr" and parent == b"mdia" and length >= 12:
            track.is_sound = self._bytes(start + 8, 4) == b"soun"
        elif kind == b"SA3D" and length >= 12:
            track.ambisonics = self._ambisonics(start, length)
        elif kind == b"st3d" and length >= 5:
            mode = self._bytes(start, 5)[4]
            track.stereo = _STEREO_MODES.get(mode, f"mode {mode}") if mode else None
        elif kind == b"uuid" and parent == b"trak" and 16 < length < MOST_XML_BYTES:
            if self._bytes(start, 16) == _SPHERICAL_V1:
                text = self._bytes(start + 16, length - 16)
                read_xml(text.decode("utf-8", "replace"), track)
        elif kind == b"prhd" and length >= 16:
            angles = struct.unpack(">iii", self._bytes(start + 4, 12))
            yaw, pitch, roll = (math.radians(angle / 65536) for angle in angles)
            track.pose = (yaw, pitch, roll)
        elif parent == b"proj":
            track.projection = kind.decode("latin-1")
            if kind == b"equi" and length >= 20:
                top, bottom, left, right = struct.unpack(">4I", self._bytes(start + 4, 16))
                track.bounds = (left / 2**32, top / 2**32, right / 2**32, bottom / 2**32)
            elif kind == b"cbmp" and length >= 12:
                track.layout, track.padding = struct.unpack(">II", self._bytes(start + 4, 8))

    def _ambisonics(self, start: int, length: int) -> Ambisonics:
        version, kind, order, ordering, weights, channels = struct.unpack(
            ">BBIBBI", self._bytes(start, 12)
        )
        components: tuple[int, ...] = ()
        if channels <= _MOST_CHANNELS and length >= 12 + 4 * channels:
            components = struct.unpack(f">{channels}I", self._bytes(start + 12, 4 * channels))
        is_ambix = version == 0 and kind & 0x7F == 0 and order >= 1 and not (ordering or weights)
        return Ambisonics(is_ambix, components)

    def _bytes(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(count)
        if len(data) < count:
            raise _BrokenError
        return data
