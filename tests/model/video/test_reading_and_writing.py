"""Clips go out and come back; what is no clip is refused in one sentence."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video import open_clip
from nerv360.video.writing import FolderWriter, VideoWriter


def picture(index: int, height: int = 48, width: int = 96) -> Tensor:
    """Return a smooth ramp whose colours depend on ``index``."""
    y, x = np.mgrid[:height, :width]
    channels = [x * 2, y * 4, np.full_like(x, 40 + 20 * index)]
    return torch.from_numpy(np.stack(channels, -1).astype(np.uint8))


def write_clip(path: Path, frames: int = 5) -> Path:
    with VideoWriter(path, 96, 48, 25.0, crf=4) as writer:
        for index in range(frames):
            writer.write(picture(index))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_comes_back(tmp_path: Path, suffix: str) -> None:
    source = open_clip(write_clip(tmp_path / f"clip{suffix}"))
    info = source.info
    assert (info.width, info.height, info.fps, info.frames) == (96, 48, 25.0, 5)
    for _ in range(2):
        for index, frame in enumerate(source):
            assert frame.dtype == torch.uint8
            assert (frame.int() - picture(index).int()).abs().float().mean() < 2
    assert index == 4


def test_colours_are_tagged_and_kept(tmp_path: Path) -> None:
    red = torch.tensor([200, 40, 30], dtype=torch.uint8).expand(64, 128, 3)
    with VideoWriter(tmp_path / "red.mp4", 128, 64, 30, crf=4) as writer:
        writer.write(red)
    with av.open(str(tmp_path / "red.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1
    (frame,) = open_clip(tmp_path / "red.mp4")
    assert (frame.int() - red.int()).abs().max() <= 3


def test_a_folder_comes_back_in_order(tmp_path: Path) -> None:
    with FolderWriter(tmp_path / "pictures") as writer:
        for index in range(3):
            writer.write(picture(index))
    source = open_clip(tmp_path / "pictures")
    assert source.info.frames == 3
    for index, frame in enumerate(source):
        assert torch.equal(frame, picture(index))


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    for writer in (
        VideoWriter(tmp_path / "a.mp4", 96, 48, 30),
        FolderWriter(tmp_path / "b"),
    ):
        with pytest.raises(KeyboardInterrupt), writer:
            writer.write(picture(0))
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_growing_video_plays_while_it_is_written(tmp_path: Path, suffix: str) -> None:
    path, growing = tmp_path / f"film{suffix}", tmp_path / f"film.part{suffix}"
    with VideoWriter(path, 96, 48, 5.0, growing=True) as writer:
        for index in range(30):
            writer.write(picture(index % 10))
        killed = tmp_path / f"killed{suffix}"
        killed.write_bytes(growing.read_bytes())
        with VideoWriter(path, 96, 48, 5.0, growing=True):
            assert (tmp_path / f"film.part1{suffix}").exists()
    assert open_clip(killed).info.frames >= 24
    assert len(list(open_clip(killed))) == open_clip(killed).info.frames
    assert open_clip(path).info.frames == 30
    assert {each.name for each in tmp_path.iterdir()} == {path.name, killed.name}


def test_a_growing_video_outlives_a_failure(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "film.mp4", 96, 48, 5.0, growing=True)
    with pytest.raises(KeyboardInterrupt), writer:
        for index in range(10):
            writer.write(picture(index))
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == ["film.part.mp4"]
    assert open_clip(tmp_path / "film.part.mp4").info.frames == 10


def test_a_truncated_video_is_counted_or_refused(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 40)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    try:
        source = open_clip(cut)
    except InputError as error:
        assert "cut.mkv" in str(error)
    else:
        assert 0 < source.info.frames < 40
        assert sum(1 for _ in source) == source.info.frames


def test_a_lying_header_is_not_believed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 6)
    avi = tmp_path / "lie.avi"
    with av.open(str(path)) as source, av.open(str(avi), "w") as target:
        stream = target.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode(None))
    data = bytearray(avi.read_bytes())
    length = data.index(b"strh") + 8 + 32
    assert int.from_bytes(data[length : length + 4], "little") == 6
    data[length : length + 4] = (1000).to_bytes(4, "little")
    avi.write_bytes(data)
    assert open_clip(avi).info.frames == 6


def timed_clip(path: Path, codec: str, times_ms: list[int]) -> Path:
    """Pictures like `picture`, shown at these times."""
    tick = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={"crf": "4"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        stream.codec_context.time_base = tick
        for index, time in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(picture(index).numpy(), format="rgb24")
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def shown_pictures(path: Path) -> list[int]:
    """Index of each `picture`, told by its blue."""
    return [round((float(frame[..., 2].float().mean()) - 40) / 20) for frame in open_clip(path)]


def test_a_rate_that_cannot_be_is_told_from_the_times(tmp_path: Path) -> None:
    """Some recorders write a picture's duration in microseconds instead of nanoseconds."""
    path = timed_clip(tmp_path / "lie.webm", "libvpx-vp9", [round(k * 1001 / 30) for k in range(9)])
    data = bytearray(path.read_bytes())
    duration = data.index(b"\x23\xe3\x83\x84") + 4
    assert int.from_bytes(data[duration : duration + 4], "big") == 33333333
    data[duration : duration + 4] = (33366).to_bytes(4, "big")
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 29971
    clip = open_clip(path)
    info = clip.info
    assert info.fps == pytest.approx(30000 / 1001)
    assert "29971" in clip.notes[0]
    assert shown_pictures(path) == list(range(9))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
)
def test_uneven_times_are_kept_by_repeating(tmp_path: Path, name: str, codec: str) -> None:
    path = timed_clip(tmp_path / name, codec, [0, 33, 67, 100, 133, 333, 367, 400])
    source = open_clip(path)
    shown = [0, 1, 2, 3, *[4] * 6, 5, 6, 7]
    assert (source.info.frames, source.info.fps) == (len(shown), 30)
    assert "uneven times" in source.notes[0]
    assert shown_pictures(path) == shown


def test_a_turned_clip_comes_upright(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "turned.mp4", 1)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    quarter = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30]
    data[matrix : matrix + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in quarter)
    path.write_bytes(data)
    source = open_clip(path)
    assert (source.info.width, source.info.height) == (48, 96)
    (frame,) = source
    clockwise = torch.rot90(picture(0), -1)
    assert (frame.int() - clockwise.int()).abs().float().mean() < 2


def test_pictures_that_do_not_decode_are_missed(tmp_path: Path) -> None:
    """Nothing may take the place of what the container promises and the codec does not give."""
    path = write_clip(tmp_path / "clip.mp4", 6)
    source = open_clip(path)
    write_clip(tmp_path / "shorter.mp4", 2).replace(path)
    with pytest.raises(InputError, match=r"picture 2 of .*clip\.mp4 is damaged"):
        list(source)


@contextmanager
def small_disk() -> Iterator[None]:
    """Refusal of files beyond 20 kB, as a full disk refuses them.

    It holds for every file of the process, pytest's own report among them where it goes to a
    file: so it lasts no longer than the writing that is tested, and never while pytest prints.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "pictures"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = torch.randint(256, (256, 512, 3), dtype=torch.uint8)
    writer = VideoWriter(path, 512, 256, 25.0, crf=1) if path.suffix else FolderWriter(path)
    refusal = pytest.raises(InputError, match=f"{name} cannot be written: file too large")
    with small_disk(), refusal, writer:
        for _ in range(20):
            writer.write(noise)
    assert list(tmp_path.iterdir()) == []


def no_file(folder: Path) -> Path:
    return folder / "nothing.mp4"


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def text_file(folder: Path) -> Path:
    (folder / "text.mp4").write_text("not a video at all\n" * 50)
    return folder / "text.mp4"


def headless_mp4(folder: Path) -> Path:
    data = write_clip(folder / "whole.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    return folder / "cut.mp4"


def audio_only(folder: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def video_without_pictures(folder: Path) -> Path:
    path = folder / "bare.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        container.start_encoding()
    return path


def folder_without_pictures(folder: Path) -> Path:
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("no pictures")
    return folder / "notes"


def mixed_sizes(folder: Path) -> Path:
    Image.new("RGB", (96, 48)).save(folder / "0.png")
    Image.new("RGB", (64, 32)).save(folder / "1.png")
    return folder


def text_named_png(folder: Path) -> Path:
    (folder / "0.png").write_text("not a picture")
    return folder


@pytest.mark.parametrize(
    "make",
    [
        no_file,
        empty_file,
        text_file,
        headless_mp4,
        audio_only,
        video_without_pictures,
        folder_without_pictures,
        mixed_sizes,
        text_named_png,
    ],
)
def test_hostile_input_is_refused_by_name(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as refusal:
        open_clip(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_damaged_picture_is_refused_when_it_comes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "0.png")
    data = (tmp_path / "0.png").read_bytes()
    (tmp_path / "0.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"0\.png"):
        list(open_clip(tmp_path))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("clip.xyz", (96, 48)),
        ("clip.mp4", (95, 48)),
        ("clip.mp4", (0, 0)),
        ("missing/clip.mp4", (96, 48)),
    ],
)
def test_unusable_targets_are_refused(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    with pytest.raises(InputError):
        VideoWriter(tmp_path / name, *size, 30)
    assert list(tmp_path.iterdir()) == []


def test_a_filled_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(InputError):
        FolderWriter(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "keep me"
