"""A projection that a video names is believed; one that it does not name is told by its shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.video import check_equirectangular, open_clip
from tests.support.clips import encode, projection, ramp, stereo, with_metadata


def check(path: Path, *boxes: bytes, height: int = 48, width: int = 96) -> None:
    """Check a clip of this size with this metadata."""
    encode(path, [ramp(index, height, width) for index in range(3)])
    check_equirectangular(open_clip(with_metadata(path, *boxes)))


@pytest.mark.parametrize(
    ("boxes", "size"),
    [
        ((), (48, 96)),
        ((), (322, 640)),
        ((projection("equi"),), (48, 96)),
        ((projection("equi"),), (54, 96)),
        ((projection("equi"), stereo(0)), (48, 96)),
        ((stereo(0),), (48, 96)),
        ((projection("cbmp"),), (48, 72)),
        ((projection("equi"), stereo(1)), (96, 96)),
        ((stereo(2),), (48, 96)),
        ((projection("equi", (0, 0, 1 << 31, 0)),), (48, 96)),
    ],
)
def test_spheres_are_shown(boxes: tuple[bytes, ...], size: tuple[int, int], tmp_path: Path) -> None:
    check(tmp_path / "clip.mp4", *boxes, height=size[0], width=size[1])


@pytest.mark.parametrize(
    ("boxes", "size", "sentence"),
    [
        ((), (54, 96), "clip.mp4 is 96x54 and does not say that it is equirectangular"),
        ((), (96, 96), "clip.mp4 is 96x96 and does not say"),
        ((projection("mshp"),), (48, 96), "says that its projection is mesh (mshp)"),
        ((stereo(3),), (48, 96), "two eyes in a way called custom"),
    ],
)
def test_others_are_refused_in_one_sentence(
    boxes: tuple[bytes, ...], size: tuple[int, int], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(InputError) as refusal:
        check(path, *boxes, height=size[0], width=size[1])
    assert str(refusal.value).startswith(f"{path} ")
    assert sentence in str(refusal.value)
