"""Kinds of files by their first bytes: scenes, gaze paths, and what may be a clip."""

from __future__ import annotations

import re
from pathlib import Path

SCENE_SUFFIX = ".safetensors"
_HEAD_BYTES = 4096
_TEXT_BEFORE_PIXELS = re.compile(rb"YUV4MPEG2 |P[1-7Ff]\s+[0-9]+\s+[0-9]+\s")
"""Beginning of pictures whose header is text: Y4M, and the formats of Netpbm."""

_PICTURES = re.compile(
    rb"....(ftyp|moov|mdat|free|skip|wide)|\x1a\x45\xdf\xa3|RIFF|OggS|FLV\x01|\x00\x00\x01\xba"
    rb"|\x47.{187}\x47|\x89PNG|\xff\xd8\xff|GIF8|II\*\x00|MM\x00\*",
    re.DOTALL,
)
"""Beginning of the usual containers of video and of photos."""

_LARGEST_HEADER = 100_000_000


def is_scene(path: Path) -> bool:
    """Tell whether a file is a scene, by its first bytes; by its name if they are unknown."""
    head = _head(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER:
        return True
    return path.suffix.lower() == SCENE_SUFFIX and not (path.is_dir() or _PICTURES.match(head))


def unlike_clip(path: Path) -> str | None:
    """Return a clause on a file that cannot be a clip, whatever its name; None if it may be one."""
    if not path.is_file():
        return None
    if not path.stat().st_size:
        return "is empty"
    if is_scene(path):
        return "is a scene"
    return "is text" if is_gaze_path(path) else None


def is_gaze_path(path: Path) -> bool:
    """Tell whether a file may be a gaze path, which is text; a clip is not."""
    head = _head(path)
    if path.is_dir() or path.suffix.lower() == ".yuv" or _TEXT_BEFORE_PIXELS.match(head):
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a pipe might wait for ever
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
