"""Writes the declaration of ambisonics into an MP4 file; FFmpeg writes none."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_SOUND = (b"Opus", b"mp4a")
_FIRST_ORDER = struct.pack(">BBIBBI4I", 0, 0, 1, 0, 0, 4, 0, 1, 2, 3)
"""Content of ``SA3D``: ACN order, SN3D weights, four channels."""


def declare_ambisonics(path: Path) -> None:
    """Declare the sound of an MP4 file as first-order ambisonics.

    Args:
        path: the file, with its header at the end, as FFmpeg writes it.
    """
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        at = 0
        while at < end:
            file.seek(at)
            size, kind, long_size = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            size = long_size if size == 1 else size
            if kind == b"moov":
                break
            at += size
        if at + size != end:
            raise ValueError(f"{path} has no header at its end")
        file.seek(at)
        header = file.read()
        file.seek(at)
        file.write(_declared(header))


def _declared(boxes: bytes) -> bytes:
    """Return boxes in a row with a declaration in each description of sound."""
    result, at = b"", 0
    while at < len(boxes):
        size, kind = struct.unpack_from(">I4s", boxes, at)
        content = boxes[at + 8 : at + size]
        if kind in _PARENTS:
            content = _declared(content)
        elif kind == b"stsd":
            content = content[:8] + _declared(content[8:])
        elif kind in _SOUND:
            content += _box(b"SA3D", _FIRST_ORDER)
        result += _box(kind, content)
        at += size
    return result


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content
