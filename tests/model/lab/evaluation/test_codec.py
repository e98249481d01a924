"""A codec's file comes out at the number of bytes that was asked for, and shows the clip."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from nerv360.errors import InputError
from nerv360.lab.encoding import encode
from nerv360.lab.evaluation.codec import encode_at, encode_with_crf
from nerv360.metrics.similarity import psnr_8bit
from nerv360.video import encodable, open_clip
from nerv360.video.writing import VideoWriter
from tests.support.spheres import smooth_sphere

pytestmark = pytest.mark.slow

FRAMES = 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    noise = torch.Generator().manual_seed(0)
    with VideoWriter(file, 192, 96, 25, crf=2) as writer:
        for index in range(FRAMES + 2):
            texture = torch.randint(0, 40, (96, 192, 3), generator=noise, dtype=torch.uint8)
            writer.write(smooth_sphere(96, 192, phase=index / 9) // 2 + texture)
    return file


@pytest.mark.parametrize("codec", ["x265", "av1"])
def test_the_bytes_are_those_asked_for(clip: Path, tmp_path: Path, codec: str) -> None:
    file, told = tmp_path / "out.mp4", list[str]()
    encoding = encode_at(open_clip(clip), FRAMES, codec, 24_000, file, told.append)
    assert encoding.bytes == file.stat().st_size
    assert encoding.bytes == pytest.approx(24_000, rel=0.04 if codec == "x265" else 0.25)
    assert told
    assert [f.name for f in tmp_path.iterdir()] == ["out.mp4"]
    pictures = list(open_clip(file))
    assert len(pictures) == FRAMES
    for original, decoded in zip(open_clip(clip), pictures, strict=False):
        assert psnr_8bit(original, decoded) > 22


@pytest.mark.skipif(sys.platform != "linux", reason="reads the scheduling of threads")
@pytest.mark.parametrize("library", ["libx265", "libsvtav1"])
def test_no_thread_becomes_a_real_time_one(clip: Path, tmp_path: Path, library: str) -> None:
    seen = set[int]()

    def pictures() -> Iterator[av.VideoFrame]:
        for picture in open_clip(clip):
            yield encodable(picture.numpy())
            for thread in Path("/proc/self/task").iterdir():
                with contextlib.suppress(ProcessLookupError):
                    seen.add(os.sched_getscheduler(int(thread.name)))

    encode(pictures(), tmp_path / "out.mp4", library, {}, Fraction(25))
    assert seen == {os.SCHED_OTHER}
    # The C library's own idea of it, which threads of other libraries inherit.
    libc, policy = ctypes.CDLL(None), ctypes.c_int(-1)
    libc.pthread_self.restype = ctypes.c_void_p
    thread = ctypes.c_void_p(libc.pthread_self())
    assert libc.pthread_getschedparam(thread, ctypes.byref(policy), (ctypes.c_int * 16)()) == 0
    assert policy.value == os.SCHED_OTHER


@pytest.mark.parametrize(("codec", "crfs"), [("x265", (20, 40)), ("av1", (20, 55))])
def test_a_larger_crf_takes_fewer_bytes(
    clip: Path, tmp_path: Path, codec: str, crfs: tuple[int, int]
) -> None:
    files = [tmp_path / f"{crf}.mp4" for crf in crfs]
    fine, coarse = (
        encode_with_crf(open_clip(clip), FRAMES, codec, crf, file)
        for crf, file in zip(crfs, files, strict=True)
    )
    assert fine.bytes == files[0].stat().st_size > 1.5 * coarse.bytes
    assert f"crf {crfs[0]}," in fine.note
    assert [len(list(open_clip(file))) for file in files] == [FRAMES, FRAMES]


def test_what_cannot_be_encoded_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the codec must be one of x265, av1"):
        encode_at(open_clip(clip), FRAMES, "mpeg2", 1000, tmp_path / "out.mp4", print)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("full_range", [False, True])
def test_at_its_best_the_codec_is_not_bound_by_a_conversion_of_colours(
    tmp_path: Path, full_range: bool
) -> None:
    """By way of RGB the source's planes came back at 35 dB at the most, whatever the bytes."""
    source = tmp_path / "source.mp4"
    write_yuv(source, full_range)
    file = tmp_path / "best.mp4"
    encoding = encode_at(open_clip(source), FRAMES, "x265", 10**7, file, lambda _: None)
    assert "crf 0, 4:2:0 8 bits; the search ended at its bound, less than the 10,000,000" in (
        encoding.note
    )
    for original, decoded in zip(open_clip(source), open_clip(file), strict=True):
        assert psnr_8bit(original, decoded) > 42


def test_a_search_that_ends_within_its_bounds_says_nothing_of_them(
    clip: Path, tmp_path: Path
) -> None:
    encoding = encode_at(
        open_clip(clip), FRAMES, "x265", 24_000, tmp_path / "out.mp4", lambda _: None
    )
    assert "bound" not in encoding.note


def write_yuv(path: Path, full_range: bool) -> None:
    """Coloured detail in lossless planes, of either range."""
    generator = torch.Generator().manual_seed(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 192, 96
        stream.pix_fmt = "yuvj420p" if full_range else "yuv420p"
        for _ in range(FRAMES):
            coarse = torch.randint(100, 156, (2, 12, 24), generator=generator, dtype=torch.uint8)
            chroma = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2).reshape(48, 192)
            luma = torch.randint(90, 160, (96, 192), generator=generator, dtype=torch.uint8)
            picture = torch.cat([luma, chroma])
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format=stream.pix_fmt)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
