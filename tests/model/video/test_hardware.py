"""Decoding of clips by hardware. The stand-in gives what NVDEC gives: nv12 and p010le, no 4:4:4."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel

from nerv360.errors import InputError
from nerv360.video import Planes, open_clip
from nerv360.video import hardware as hardware_module
from nerv360.video.clip import ClipReader
from nerv360.video.hardware import _colours
from nerv360.video.random_access import VideoReader
from nerv360.video.reading import Opening
from tests.support.clips import encode, ramp

PICTURES = 30


def interleaved(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a decoded picture as hardware stores it, with equal values and tags."""
    deep = frame.format.name == "yuv420p10le"
    stored = av.VideoFrame(frame.width, frame.height, "p010le" if deep else "nv12")
    kind, shift = (np.uint16, 6) if deep else (np.uint8, 0)
    luma, *chroma = (
        np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1) for plane in frame.planes
    )
    both = np.stack([each[:, : frame.width // 2] for each in chroma], -1)
    for plane, values in zip(
        stored.planes, (luma[:, : frame.width], both.reshape(len(both), -1)), strict=True
    ):
        rows = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
        rows[:, : values.shape[1]] = values << shift
        plane.update(rows.tobytes())
    stored.pts, stored.time_base = frame.pts, frame.time_base or Fraction(1, 90000)
    stored.colorspace, stored.color_range = frame.colorspace, frame.color_range
    return stored


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Return a function that puts hardware into the machine, and a list of what it decodes."""

    def put(
        *, change: Callable[[av.VideoFrame], av.VideoFrame] = interleaved, fails_at: int = 1 << 30
    ) -> list[int]:
        decoded = list[int]()
        opened, picture = Opening.open, VideoReader.picture

        def open_(self: Opening, device: str | None = None) -> av.container.InputContainer:
            container = opened(self)
            if device is not None:
                formats = {stream.codec_context.pix_fmt for stream in container.streams.video}
                if not formats <= {"yuv420p", "yuvj420p", "yuv420p10le"}:
                    container.close()
                    raise RuntimeError("no stream is compatible")
            return container

        def picture_(self: VideoReader, number: int) -> av.VideoFrame:
            if self._device is None:
                return picture(self, number)
            if number >= fails_at:
                raise InputError("the device is lost")
            decoded.append(number)
            return change(picture(self, number))

        monkeypatch.setattr(hardware_module, "hwdevices_available", lambda: ["qsv", "cuda"])
        monkeypatch.setattr(Opening, "open", open_)
        monkeypatch.setattr(VideoReader, "picture", picture_)
        return decoded

    return put


def clip(folder: Path, pixel_format: str = "yuv420p") -> Path:
    path = folder / "clip.mkv"
    encode(path, [ramp(number) for number in range(PICTURES)], pixel_format=pixel_format)
    return path


def planes(path: Path, numbers: range) -> list[Planes]:
    reader = ClipReader(open_clip(path))
    found = [reader.planes(number) for number in numbers]
    return [each for each in found if each is not None]


def apart(first: Planes, second: Planes) -> float:
    return 255 * float(np.abs(_colours(first) - _colours(second)).max())


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv420p10le"])
def test_hardware_plays_the_pictures_of_software(
    tmp_path: Path, hardware: Callable[..., list[int]], pixel_format: str
) -> None:
    path = clip(tmp_path, pixel_format)
    wanted = planes(path, range(PICTURES))
    decoded = hardware()
    found = planes(path, range(PICTURES))
    assert decoded[1:] == list(range(PICTURES))
    assert [apart(*each) for each in zip(found, wanted, strict=True)] == [0.0] * PICTURES
    assert apart(found[0], found[-1]) > 2


def test_what_hardware_does_not_decode_software_does(
    tmp_path: Path, hardware: Callable[..., list[int]]
) -> None:
    path, decoded = clip(tmp_path, "yuv444p"), hardware()
    assert len(planes(path, range(3))) == 3
    assert not decoded


def test_other_colours_are_not_shown(tmp_path: Path, hardware: Callable[..., list[int]]) -> None:
    def without_range(frame: av.VideoFrame) -> av.VideoFrame:
        changed = interleaved(frame)
        changed.color_range = 1
        return changed

    path = clip(tmp_path, "yuvj420p")
    wanted = planes(path, range(3))
    decoded = hardware(change=without_range)
    assert [apart(*each) for each in zip(planes(path, range(3)), wanted, strict=True)] == [0.0] * 3
    assert decoded == [0]


def test_software_goes_on_when_hardware_fails(
    tmp_path: Path, hardware: Callable[..., list[int]]
) -> None:
    path = clip(tmp_path)
    wanted = planes(path, range(10))
    decoded = hardware(fails_at=5)
    assert [apart(*it) for it in zip(planes(path, range(10)), wanted, strict=True)] == [0.0] * 10
    assert decoded[1:] == list(range(5))


@pytest.mark.parametrize("device", ["cuda", "vaapi", "videotoolbox", "d3d11va"])
def test_a_machine_without_the_device_plays_by_software(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """With FFmpeg itself, which may not know the device, or not find it."""
    path = clip(tmp_path)
    try:
        av.open(str(path), hwaccel=HWAccel(device, allow_software_fallback=False)).close()
    except (OSError, RuntimeError, ValueError):
        monkeypatch.setattr(hardware_module, "hwdevices_available", lambda: [device])
        assert len(planes(path, range(3))) == 3
    else:
        pytest.skip(f"this machine decodes by {device}")
