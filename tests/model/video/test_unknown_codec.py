"""A clip whose codec FFmpeg does not know is refused in one sentence, in turn and at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import InputError
from model.video import index_video, open_frames
from tests.support.clips import encode, ramp


@pytest.mark.parametrize("read", [open_frames, index_video])
def test_an_unknown_codec_is_refused(read: object, tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", [ramp(index) for index in range(3)])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert callable(read)
    with pytest.raises(InputError, match=r"clip\.mp4 has a codec that is not known here: give an"):
        read(path)
