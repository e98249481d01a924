"""Makes clips of any size for the codecs, each in a process of its own.

Encoders need more memory than the measurement, and a separate process can be ended if they take
too long.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
from torch import Tensor

from nerv360.errors import InputError
from nerv360.lab.encoding import encode
from nerv360.lab.worker import run_alone
from nerv360.video import KEPT_BYTES, Clip, encodable, open_clip

FPS = 30
"""Pictures per second; the first of each second is a keyframe."""
TURN = 1 / 640
"""Share of the width that each picture moves on, about half a degree."""
HELD_BY_ENCODERS = 90
"""Memory of encoders in pictures, measured at 2K to 8K."""


@dataclass(frozen=True)
class CodecEncoder:
    """A library that encodes a codec, with its settings."""

    library: str
    options: dict[str, str]


ENCODERS: dict[str, tuple[CodecEncoder, ...]] = {
    "x265": (
        CodecEncoder(
            "libx265",
            {
                "preset": "veryfast",
                "crf": "26",
                "x265-params": f"log-level=none:keyint={FPS}:min-keyint={FPS}:scenecut=0",
            },
        ),
    ),
    "av1": (
        CodecEncoder("libsvtav1", {"preset": "10", "crf": "38"}),
        CodecEncoder("libaom-av1", {"cpu-used": "8", "row-mt": "1", "crf": "38"}),
        CodecEncoder("librav1e", {"speed": "10", "qp": "120"}),
    ),
}
"""By codec, the preferred one first."""


def encoding_bytes(width: int) -> int:
    """Estimate the memory needed to make a clip of this width."""
    return HELD_BY_ENCODERS * _picture_bytes(width)


def encode_clip(source: Clip, codec: str, width: int, output: Path, limit_s: float) -> str:
    """Encode the first second of a clip, resized, turning and repeated, in a separate process.

    It is repeated until it is too long for a reader's cache: each jump back by a second must
    decode.

    Args:
        source: a clip or a folder of pictures; fewer than `FPS` are repeated.
        codec: a key of `ENCODERS`.
        output: .mp4 file to write.

    Returns:
        A readable note on the encoder and its settings.

    Raises:
        WorkerError: the process failed, or took longer than ``limit_s``.
    """
    path, options = source.path.resolve(), source.options
    return run_alone(partial(_encode_file, path, options, codec, width, output), limit_s)


def _encode_file(
    source: Path, options: dict[str, Any], codec: str, width: int, output: Path
) -> str:
    return encode_clip_here(open_clip(source, **options), codec, width, output)


def _picture_bytes(width: int) -> int:
    return width * (width // 2) * 3 // 2


def _seconds(width: int) -> int:
    """Return how many seconds a clip needs so that no jump finds its picture in the reader's cache.

    A jump decodes half a second on average, and two jumps at least ten pictures.
    """
    return 3 + KEPT_BYTES // _picture_bytes(width) // 10


def encode_clip_here(source: Clip, codec: str, width: int, output: Path) -> str:
    """Encode a clip in this process; see `encode_clip`."""
    encoder = _available(codec)
    second = output.with_suffix(".second.mp4")
    pictures = (
        encodable(picture.numpy(), (width, width // 2))
        for picture in itertools.islice(_turning(source), FPS)
    )
    rate = Fraction(FPS)
    encode(pictures, second, encoder.library, encoder.options, rate, gop_size=FPS)
    _repeat(second, _seconds(width), output)
    second.unlink()
    settings = ", ".join(f"{k} {v}" for k, v in encoder.options.items() if "-params" not in k)
    return f"{encoder.library}, {settings}"


def _available(codec: str) -> CodecEncoder:
    for encoder in ENCODERS[codec]:
        if encoder.library in av.codecs_available:
            return encoder
    wanted = ", ".join(encoder.library for encoder in ENCODERS[codec])
    raise InputError(f"this PyAV has no encoder of {codec}: none of {wanted}")


def _turning(source: Clip) -> Iterator[Tensor]:
    """Yield the pictures of ``source`` endlessly, each turned further, so that everything moves."""
    index = 0
    while True:
        for picture in source:
            yield picture.roll(round(index * TURN * picture.shape[1]), 1).contiguous()
            index += 1


def _repeat(second: Path, times: int, output: Path) -> None:
    """Write the packets of a one-second clip ``times`` times, one after the other."""
    with av.open(str(second)) as source, av.open(str(output), "w") as container:
        video = source.streams.video[0]
        # Opaque: the library that decodes AV1 cannot encode it, and need not.
        stream = container.add_stream_from_template(video, opaque=True)
        packets = [packet for packet in source.demux(video) if packet.size]
        stamps = [(packet.pts or 0, packet.dts or 0, packet.duration) for packet in packets]
        tick = video.time_base or Fraction(1, FPS)
        for start in range(times):
            for packet, (pts, dts, duration) in zip(packets, stamps, strict=True):
                # Writing converts them to the container's own tick.
                packet.stream, packet.time_base = stream, tick
                packet.pts, packet.dts = pts + round(start / tick), dts + round(start / tick)
                packet.duration = duration
                container.mux(packet)
