"""Small clips of every kind: codecs, groups of pictures, uneven times, spherical metadata."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

FPS = 25
GROUPS_OF_12 = "keyint=12:min-keyint=12:bframes=3:b-adapt=0:b-pyramid=normal:scenecut=0:ref=3"


def ramp(index: int, height: int = 48, width: int = 96) -> Tensor:
    """Return a moving ramp, height×width×3 uint8, another one for each of 64 indices."""
    y, x = np.mgrid[:height, :width]
    channels = [(x * 2 + 5 * index) % 256, (y * 4 + 3 * index) % 256, x * 0 + (4 * index) % 256]
    return torch.from_numpy(np.stack(channels, -1).astype(np.uint8))


def encode(
    path: Path,
    pictures: Sequence[Tensor],
    codec: str = "libx264",
    parameters: str = GROUPS_OF_12,
    times_ms: Sequence[int] | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Return a clip of `FPS` pictures a second, or with pictures at these times.

    x264 and x265 take ``parameters`` of their own.
    """
    tick = Fraction(1, 1000 if times_ms else FPS)
    name, quiet = f"{codec.removeprefix('lib')}-params", ":log-level=none" * (codec == "libx265")
    with av.open(str(path), "w") as container:
        options = {name: parameters + quiet} if parameters else {}
        stream = container.add_stream(codec, rate=FPS, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        if not parameters:
            stream.gop_size = 12
        stream.codec_context.time_base = tick
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
            frame.pts, frame.time_base = times_ms[index] if times_ms else index, tick
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


def damaged(path: Path, first: int, last: int) -> Path:
    """Put noise in the place of these packets of the clip."""
    data = bytearray(path.read_bytes())
    noise = random.Random(2)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    for packet in packets[first:last]:
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = noise.randbytes(packet.size)
    path.write_bytes(data)
    return path


def box(kind: str, *content: bytes) -> bytes:
    """Return a box of the MP4 format."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind.encode() + body


def projection(kind: str, bounds: Sequence[int] = (0, 0, 0, 0)) -> bytes:
    """Spherical metadata of an MP4: ``equi`` with bounds, or ``cbmp`` with any two numbers."""
    fields = bounds if kind == "equi" else (0, 0)
    shape = box(kind, bytes(4), struct.pack(f">{len(fields)}I", *fields))
    return box("sv3d", box("svhd", bytes(5)), box("proj", box("prhd", bytes(16)), shape))


def stereo(mode: int) -> bytes:
    """Stereo metadata of an MP4: 0 for one eye, 1 one above the other, 2 side by side."""
    return box("st3d", bytes(4), bytes([mode]))


def with_metadata(path: Path, *boxes: bytes) -> Path:
    """Put boxes into the description of the pictures of an MP4 whose header is at its end."""
    data, added = bytearray(path.read_bytes()), b"".join(boxes)
    start, end, parents = 0, len(data), []
    for name in ("moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"):
        while data[start + 4 : start + 8] != name.encode():
            start += int.from_bytes(data[start : start + 4], "big")
            assert start < end, name
        parents.append(start)
        end = start + int.from_bytes(data[start : start + 4], "big")
        start += 16 if name == "stsd" else 8
    for parent in parents:
        size = int.from_bytes(data[parent : parent + 4], "big") + len(added)
        data[parent : parent + 4] = size.to_bytes(4, "big")
    path.write_bytes(data[:end] + added + data[end:])
    return path
