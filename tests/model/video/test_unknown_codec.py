"""A clip whose codec FFmpeg does not know is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.video import open_clip
from tests.support.clips import encode, ramp


def test_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", [ramp(index) for index in range(3)])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(InputError, match=r"clip\.mp4 has a codec that is not known here: give an"):
        open_clip(path)
