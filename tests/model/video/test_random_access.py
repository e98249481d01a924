"""Any picture of a video at once, and exactly the one that decoding in order gives."""

from __future__ import annotations

import random
from pathlib import Path
from unittest.mock import patch

import av
import pytest
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video import ClipReader, open_clip, random_access
from nerv360.video.random_access import VideoReader
from nerv360.video.stored import OpenedVideo
from tests.support.clips import GROUPS_OF_12, damaged, encode, ramp

pytestmark = pytest.mark.slow

FRAMES = 60
B_FRAMES = "bframes=3:b-adapt=0:b-pyramid=normal:scenecut=0:ref=3"
KINDS = {
    "one keyframe.mp4": ("libx264", f"keyint=250:{B_FRAMES}"),
    "short groups.mp4": ("libx264", GROUPS_OF_12),
    "short groups.mkv": ("libx264", GROUPS_OF_12),
    "short groups.ts": ("libx264", GROUPS_OF_12),
    "open groups.mp4": ("libx264", f"keyint=12:min-keyint=12:open-gop=1:{B_FRAMES}"),
    "open groups.mkv": ("libx264", f"keyint=12:min-keyint=12:open-gop=1:{B_FRAMES}"),
    "intra refresh.mp4": ("libx264", "keyint=12:min-keyint=12:intra-refresh=1:bframes=0"),
    "open groups of HEVC.mp4": ("libx265", "keyint=12:min-keyint=12:open-gop=1:bframes=3"),
    "vp9.webm": ("libvpx-vp9", ""),
    "without times.avi": ("libx264", GROUPS_OF_12),
}


PICTURES = [ramp(index) for index in range(FRAMES)]


def write(folder: Path, name: str) -> Path:
    """Return the clip of `KINDS` called ``name``."""
    return encode(folder / name, PICTURES, *KINDS[name])


@pytest.fixture(scope="module", params=KINDS)
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips"), request.param)


def in_order(path: Path) -> list[Tensor]:
    return list(open_clip(path))


def same(reader: ClipReader, index: int, known: list[Tensor]) -> bool:
    found = reader.frame(index)
    return torch.equal(found[..., :3], known[index]) and bool((found[..., 3] == 255).all())


def kept(reader: ClipReader) -> int:
    assert isinstance(reader.opened, OpenedVideo)
    return len(reader.opened.reader._kept)


def test_any_picture_is_the_one_that_comes_in_order(clip: Path) -> None:
    known = in_order(clip)
    index = open_clip(clip)
    assert index.info == open_clip(clip).info
    assert len(known) == FRAMES
    jumps = random.Random(1)
    order = [59, 0, 30, 29, 28, *range(24, 50), 13, 12, 11, *jumps.choices(range(FRAMES), k=60)]
    with patch.object(random_access, "KEPT_BYTES", 6 * index.stored.picture_bytes):
        reader = ClipReader(index)
        assert [at for at in order if not same(reader, at, known)] == []


def test_playing_on_decodes_every_picture_once_and_never_seeks(clip: Path) -> None:
    known, index = in_order(clip), open_clip(clip)
    with patch.object(VideoReader, "_jump", side_effect=AssertionError):
        reader = ClipReader(index)
        assert all(same(reader, at, known) for at in range(FRAMES))
        reader = ClipReader(index)
        assert all(same(reader, at, known) for at in range(0, FRAMES, 3)), "a slow player skips"


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith(("short", "vp9"))])
@pytest.mark.parametrize("target", [59, 40, 6])
def test_a_jump_decodes_from_the_keyframe_before(name: str, target: int, tmp_path: Path) -> None:
    index = open_clip(write(tmp_path, name))
    came: list[int] = []
    keep = VideoReader._keep

    def noted(self: VideoReader, number: int, frame: av.VideoFrame) -> None:
        came.append(number)
        keep(self, number, frame)

    with patch.object(VideoReader, "_keep", noted):
        reader = ClipReader(index)
        for start in (0, 55, 30):
            reader.frame(start)
            came.clear()
            reader.frame(target)
            assert len(came) <= 13, (start, came)


def test_steps_back_are_at_hand_and_memory_is_bounded(tmp_path: Path) -> None:
    index = open_clip(write(tmp_path, "one keyframe.mp4"))
    with patch.object(random_access, "KEPT_BYTES", 10 * index.stored.picture_bytes):
        reader = ClipReader(index)
        reader.frame(40)
        assert kept(reader) == 10
        with patch.object(VideoReader, "_decode_to", side_effect=AssertionError):
            for at in range(40, 30, -1):
                reader.frame(at)
        for at in range(30, 10, -1):
            reader.frame(at)
        assert kept(reader) == 10
        assert index.peak_bytes < 40 * index.stored.picture_bytes + 20 * 96 * 48


def test_uneven_times_are_shown_at_the_rate_of_training(tmp_path: Path) -> None:
    times = [0, 33, 67, 100, 133, 333, 367, 400]
    path = encode(tmp_path / "uneven.mp4", PICTURES[:8], times_ms=times)
    known, index = in_order(path), open_clip(path)
    assert (index.info.frames, index.info.fps) == (13, 30)
    assert "uneven times" in index.notes[0]
    reader = ClipReader(index)
    assert all(same(reader, at, known) for at in [12, 4, 9, 5, 0, 11])


def test_pictures_that_share_a_time_are_all_there(tmp_path: Path) -> None:
    path = encode(tmp_path / "twice.mkv", PICTURES[:6], "ffv1", "", [0, 40, 40, 80, 120, 160])
    known, index = in_order(path), open_clip(path)
    reader = ClipReader(index)
    for order in (range(len(known)), reversed(range(len(known)))):
        assert all(same(reader, at, known) for at in order)


def test_a_clip_that_breaks_in_the_middle_goes_on_after_it(tmp_path: Path) -> None:
    whole = write(tmp_path, "short groups.mp4")
    known = in_order(whole)
    reader = ClipReader(open_clip(damaged(whole, 24, 36)))
    for _ in range(2):
        lost = []
        for at in range(FRAMES):
            try:
                reader.frame(at)
            except InputError as error:
                assert str(error) == f"picture {at} of {whole} is damaged"
                lost.append(at)
        assert set(lost) <= set(range(24, 36))
        assert lost
    assert all(same(reader, at, known) for at in [*range(20), *range(40, FRAMES)])


def test_a_file_that_is_cut_off_or_gone_later_is_one_sentence_a_picture(tmp_path: Path) -> None:
    path = write(tmp_path, "short groups.mkv")
    index = open_clip(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    reader = ClipReader(index)
    reader.frame(3)
    for _ in range(2):
        with pytest.raises(InputError, match=r"picture 59 of .*groups\.mkv is damaged"):
            reader.frame(FRAMES - 1)
    reader.frame(4)
    reader.close()
    path.unlink()
    with pytest.raises(InputError, match=r"groups\.mkv cannot be read"):
        ClipReader(index)


def test_there_are_no_others(tmp_path: Path) -> None:
    reader = ClipReader(open_clip(write(tmp_path, "one keyframe.mp4")))
    for at in (-1, FRAMES):
        with pytest.raises(IndexError):
            reader.frame(at)


def test_the_file_is_closed(tmp_path: Path) -> None:
    path = write(tmp_path, "one keyframe.mp4")

    def opened() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(link.exists() and link.samefile(path) for link in links)

    index = open_clip(path)
    assert opened() == 0
    reader = ClipReader(index)
    reader.frame(3)
    assert opened() == 1
    reader.close()
    assert opened() == 0
    reader = ClipReader(index)
    del reader
    assert opened() == 0, "also where nobody closes it"


@pytest.mark.parametrize("content", [b"", b"not a video at all\n" * 50])
def test_what_is_no_video_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    with pytest.raises(InputError, match=r"text\.mp4 does not exist"):
        open_clip(path)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"text\.mp4 cannot be read as a video"):
        open_clip(path)
