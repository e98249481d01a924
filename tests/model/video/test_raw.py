"""Raw video and Y4M, in which JVET's own sequences come."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from nerv360.errors import InputError
from nerv360.video import open_clip
from nerv360.video.raw import RawFormat, RawVideo, format_of_name, is_raw, parse_raw, raw_video
from tests.support.clips import ramp

FORMATS = [
    *("yuv420p", "yuv422p", "yuv444p", "gray"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le"),
    "yuv420p12le",
]


def balboa(fps: Fraction = Fraction(60)) -> RawFormat:
    return RawFormat(6144, 3072, fps, "420", 10)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Balboa_6144x3072_60fps_10bit_420.yuv", balboa()),
        ("Balboa_6144x3072_60fps_10bit_420_erp.yuv", balboa()),
        ("Balboa_6144x3072_60_10b_420.yuv", balboa()),
        ("Balboa_6144x3072_60_10bits_yuv420.YUV", balboa()),
        ("balboa-10b-420-6144x3072-60.yuv", balboa()),
        ("Balboa_6144x3072_yuv420p10le_60.yuv", balboa()),
        ("Balboa_6144x3072_59.94fps_yuv420p10le.yuv", balboa(Fraction(60000, 1001))),
        ("Balboa_6144x3072p60_10bit_420.yuv", balboa()),
        (
            "ChairliftRide_8192x4096_30fps_8bit_420_erp.yuv",
            RawFormat(8192, 4096, Fraction(30), "420", 8),
        ),
        (
            "Landing2_640x320_29.97_8bit_444.yuv",
            RawFormat(640, 320, Fraction(30000, 1001), "444", 8),
        ),
        ("a_640x320_25fps_yuv422p.yuv", RawFormat(640, 320, Fraction(25), "422", 8)),
    ],
)
def test_names_by_the_convention(name: str, expected: RawFormat) -> None:
    assert is_raw(Path(name))
    assert format_of_name(Path("/some/folder") / name) == expected


@pytest.mark.parametrize(
    ("name", "missing", "example"),
    [
        (
            "Balboa.yuv",
            "its size, its rate, its bits and its chroma format",
            "3840x1920,30,yuv420p",
        ),
        ("Balboa_6144x3072_60fps_420.yuv", "its bits", "6144x3072,60,yuv420p"),
        ("Balboa_6144x3072_60_10b.yuv", "its chroma format", "6144x3072,60,yuv420p10le"),
        ("Balboa_6144x3072_10bit_444.yuv", "its rate", "6144x3072,30,yuv444p10le"),
        ("Balboa_60fps_10bit_420.yuv", "its size", "3840x1920,60,yuv420p10le"),
    ],
)
def test_what_a_name_lacks_is_named_with_what_would_do(
    name: str, missing: str, example: str
) -> None:
    with pytest.raises(InputError) as refusal:
        format_of_name(Path(name))
    assert str(refusal.value) == (
        f"the name of {name} does not say {missing}: give its format as "
        f"WIDTHxHEIGHT,RATE,FORMAT, for example {example}"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6144x3072,60,yuv420p10le", balboa()),
        (" 6144X3072 , 59.94 , YUV420P10 ", balboa(Fraction(60000, 1001))),
        ("64x32,0.5,gray", RawFormat(64, 32, Fraction(1, 2), "400", 8)),
    ],
)
def test_descriptions(text: str, expected: RawFormat) -> None:
    assert parse_raw(text) == expected
    assert parse_raw(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("6144x3072", "does not describe raw video"),
        ("6144x3072,60", "does not describe raw video"),
        ("6144x3072,60,nv12", "does not describe raw video"),
        ("6144x3072,60,yuv420p9le", "does not describe raw video"),
        ("0x3072,60,yuv420p", "give sides from 1 to 32768"),
        ("99999x2,60,yuv420p", "give sides from 1 to 32768"),
        ("64x32,0,yuv420p", "give 0.001 to 1000"),
        ("64x32,9999,yuv420p", "give 0.001 to 1000"),
    ],
)
def test_wrong_descriptions_are_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_raw(text)
    assert reason in str(refusal.value)


def written(path: Path, pixel_format: str, size: tuple[int, int], count: int = 4) -> RawVideo:
    """Return a raw video of noise, described."""
    form = parse_raw(f"{size[0]}x{size[1]},25,{pixel_format}")
    noise = np.random.default_rng(0).integers(0, 2**form.bits, count * form.picture_bytes)
    path.write_bytes(
        noise.astype(np.uint8).tobytes()
        if form.bits == 8
        else noise[: len(noise) // 2].astype("<u2").tobytes()
    )
    return raw_video(path, str(form))


@pytest.mark.parametrize("size", [(64, 32), (33, 15)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_pictures_in_any_order_are_the_demuxers(
    pixel_format: str, size: tuple[int, int], tmp_path: Path
) -> None:
    video = written(tmp_path / "clip.yuv", pixel_format, size)
    assert video.frames == 4
    with av.open(str(video.path), format="rawvideo", options=video.format.options) as container:
        decoded = list(container.decode(video=0))
    assert len(decoded) == 4
    for index in (3, 0, 2, 1):
        frame = video.frame(index)
        assert frame.format.name == decoded[index].format.name == pixel_format
        assert frame.time == decoded[index].time == index / 25
        one, other = (each.to_ndarray(format="rgb24") for each in (frame, decoded[index]))
        assert np.array_equal(one, other)
    with pytest.raises(IndexError):
        video.frame(4)


def test_a_wrong_size_is_one_sentence_with_the_remainder(tmp_path: Path) -> None:
    path = tmp_path / "clip_64x32_25fps_8bit_420.yuv"
    path.write_bytes(bytes(3 * 3072 + 17))
    with pytest.raises(InputError) as refusal:
        raw_video(path)
    assert str(refusal.value) == (
        f"{path} has 9233 bytes, which is 3 pictures of 64x32,25,yuv420p (3072 bytes each) and "
        f"17 bytes more: give a whole file, or its format as WIDTHxHEIGHT,RATE,FORMAT"
    )


def test_a_format_that_would_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip_64x32_25fps_10bit_420.yuv"
    path.write_bytes(bytes(5 * 3072))
    with pytest.raises(InputError, match="whole pictures of 64x32,25,yuv420p: give a whole file"):
        raw_video(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="has 0 bytes, which is 0 pictures"):
        raw_video(path)


def test_a_file_that_became_shorter_is_one_sentence(tmp_path: Path) -> None:
    video = written(tmp_path / "clip.yuv", "yuv420p", (64, 32))
    video.path.write_bytes(bytes(100))
    with pytest.raises(InputError, match="has become shorter"):
        video.frame(1)


def planes(frame: av.VideoFrame) -> list[bytes]:
    """Return the planes without the bytes behind their rows."""
    form = parse_raw(f"{frame.width}x{frame.height},25,{frame.format.name}")
    return [
        np.frombuffer(memoryview(plane), np.uint8)
        .reshape(-1, plane.line_size)[:rows, :row]
        .tobytes()
        for plane, (rows, row) in zip(frame.planes, form.planes, strict=True)
    ]


@pytest.mark.parametrize(
    ("pixel_format", "named"),
    [("yuv420p", "420jpeg"), ("yuv420p10le", "420p10"), ("yuv444p10le", "444p10")],
)
def test_y4m_is_read_as_it_is(pixel_format: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    content = f"YUV4MPEG2 W96 H48 F25:1 Ip A1:1 C{named}\n".encode()
    for index in range(3):
        frame = av.VideoFrame.from_ndarray(ramp(index).numpy(), format="rgb24")
        content += b"FRAME\n" + b"".join(planes(frame.reformat(format=pixel_format)))
    path.write_bytes(content)
    source = open_clip(path)
    assert (source.info.width, source.info.height, source.info.frames) == (96, 48, 3)
    assert source.info.fps == 25
    smooth = torch.stack([picture[8:40, 8:40].float().mean((0, 1)) for picture in source])
    expected = torch.stack([ramp(index)[8:40, 8:40].float().mean((0, 1)) for index in range(3)])
    assert (smooth - expected).abs().max() < 4
