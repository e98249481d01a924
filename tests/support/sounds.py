"""Clips with sound: tones, clicks with flashes, ambisonics."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from tests.support.clips import box

RATE = 48_000
FPS = 25


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> npt.NDArray[np.float32]:
    """Return a sine of amplitude 0.5."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(seconds: float, every_s: float = 0.5) -> npt.NDArray[np.float32]:
    """Return bursts of 4 ms, the first at half of the interval."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    length = RATE // 250
    burst = 0.8 * np.sin(2 * np.pi * 2000 * np.arange(length) / RATE)
    for start in np.arange(every_s / 2, seconds - 0.01, every_s):
        first = round(start * RATE)
        samples[first : first + length] = burst
    return samples


def pictures(seconds: float, flash_every_s: float | None = None) -> list[npt.NDArray[np.uint8]]:
    """Return grey pictures of 96×48; white for two frames at half of each interval."""
    count = round(seconds * FPS)
    made = np.full((count, 48, 96, 3), 40, np.uint8)
    if flash_every_s is not None:
        phase = (np.arange(count) - flash_every_s / 2 * FPS) % (flash_every_s * FPS)
        made[phase < 2] = 255
    return list(made)


def sounding_clip(
    path: Path,
    samples: npt.NDArray[np.float32],
    *,
    layout: str = "mono",
    codec: str = "aac",
    rate: int = RATE,
    options: dict[str, str] | None = None,
    seen: list[npt.NDArray[np.uint8]] | None = None,
) -> Path:
    """Write a clip of these samples, channels×samples or one channel, with pictures."""
    channels = np.atleast_2d(samples)
    seen = pictures(channels.shape[1] / rate) if seen is None else seen
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "10"})
        assert isinstance(video, av.VideoStream)
        video.height, video.width, video.pix_fmt = 48, 96, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout=layout, options=options or {})
        assert isinstance(sound, av.AudioStream)
        if codec in ("aac", "libopus"):
            sound.bit_rate = 96_000 * len(channels)
        each = rate // FPS
        for index, picture in enumerate(seen):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame.reformat(format="yuv420p")))
            part = channels[:, index * each : (index + 1) * each]
            if part.shape[1]:
                container.mux(sound.encode(_frame(part, layout, rate, index * each, codec)))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def _frame(
    part: npt.NDArray[np.float32], layout: str, rate: int, pts: int, codec: str
) -> av.AudioFrame:
    packed = np.ascontiguousarray(part.T.reshape(1, -1))
    if codec in ("pcm_s16le", "flac"):
        packed = (packed * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
    else:
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return frame


def sa3d(components: tuple[int, ...] = (0, 1, 2, 3), ordering: int = 0, weights: int = 0) -> bytes:
    """Return the box that declares first-order ambisonics."""
    count = len(components)
    fields = struct.pack(f">BBIBBI{count}I", 0, 0, 1, ordering, weights, count, *components)
    return box("SA3D", fields)


def with_sound_box(path: Path, added: bytes, entry: bytes = b"mp4a") -> Path:
    """Put a box into the description of the sound of an MP4 whose header is at its end."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"stsd", 0, data.rindex(entry)) - 4
    start = data.index(entry, at) - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    for parent in (*_parents(data, start), start):
        size = int.from_bytes(data[parent : parent + 4], "big") + len(added)
        data[parent : parent + 4] = size.to_bytes(4, "big")
    path.write_bytes(bytes(data[:end]) + added + bytes(data[end:]))
    return path


def _parents(data: bytearray, inner: int) -> list[int]:
    """Return the boxes around a place in an MP4."""
    found, start, end = [], 0, len(data)
    while True:
        size, kind = struct.unpack_from(">I4s", data, start)
        if start <= inner < start + size and kind in PARENTS:
            found.append(start)
            end = start + size
            start += 16 if kind == b"stsd" else 8
            if start == inner:
                return found
        else:
            start += size
        assert start < end, "the place is in no box"


PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
