"""Sound as it is kept in a scene: Opus in Ogg, of one or two channels or first-order ambisonics.

Checking it needs no PyAV.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

from nerv360.errors import InputError
from nerv360.sound.limits import RATE

if TYPE_CHECKING:
    from nerv360.sound.track import SoundTrack

DEFAULT_KBPS = 96
"""Kilobits a second of two channels; ambisonics take twice as many."""

LEAST_KBPS, MOST_KBPS = 16, 510
MAX_SOUND_BYTES = 64 * 2**20
_BLOCK = RATE // 50
_HEAD_BYTES = 19
_KINDS = {(0, 1), (0, 2), (2, 4)}
"""Mapping families of Opus, and their channels: 2 is ambisonics."""


class Writable(Protocol):
    """A file to write to."""

    def write(self, content: bytes, /) -> int:
        """Append bytes."""


def encoded(track: SoundTrack, seconds: float, kbps: int = DEFAULT_KBPS) -> bytes:
    """Encode the first ``seconds`` of a track; see `encode_into`."""
    file = io.BytesIO()
    encode_into(file, track, seconds, kbps)
    return file.getvalue()


def encode_into(
    file: Writable, track: SoundTrack, seconds: float, kbps: int = DEFAULT_KBPS
) -> None:
    """Write the first ``seconds`` of a track to ``file`` as they are encoded.

    Args:
        file: anything with ``write``, which may raise OSError to end it early.
        track: any that can be read.
        seconds: length of the clip.
        kbps: kilobits a second of two channels, `LEAST_KBPS` to `MOST_KBPS`.

    Raises:
        InputError: the track cannot be read, or the result would be too large.
    """
    import av
    import numpy as np

    from nerv360.sound.reader import SoundReader

    rate = 1000 * kbps * track.channels // 2
    if seconds * rate / 8 > MAX_SOUND_BYTES:
        raise InputError(
            f"the sound of {track.name} would take more than {MAX_SOUND_BYTES >> 20} MiB: give "
            f"fewer kilobits a second"
        )
    layout = "4.0" if track.is_ambisonic else "stereo"
    reader, total = SoundReader(track), round(seconds * RATE)
    try:
        with av.open(file, "w", format="ogg") as container:
            options = {"mapping_family": "2"} if track.is_ambisonic else {}
            stream = container.add_stream("libopus", rate=RATE, layout=layout, options=options)
            assert isinstance(stream, av.AudioStream)
            stream.bit_rate = rate
            for start in range(0, total, _BLOCK):
                block = reader.read(start, min(_BLOCK, total - start))
                packed = np.ascontiguousarray(block.reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
                frame.sample_rate, frame.pts = RATE, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    finally:
        reader.close()


def check_opus(content: bytes) -> int:
    """Return the number of channels of a scene's sound by its first page.

    Raises:
        InputError: it is no Opus in Ogg, or of another number of channels.
    """
    if not 0 < len(content) <= MAX_SOUND_BYTES:
        raise InputError(f"the sound has {len(content)} bytes, not 1 to {MAX_SOUND_BYTES}")
    head = b""
    if content[:4] == b"OggS" and len(content) > 26:
        begin = 27 + content[26]
        head = content[begin : begin + _HEAD_BYTES]
    if len(head) < _HEAD_BYTES or head[:8] != b"OpusHead" or head[8] > 15:
        raise InputError("the sound is not Opus in an Ogg file")
    channels, family = head[9], head[18]
    if (family, channels) not in _KINDS:
        raise InputError(
            f"the sound has {channels} channels in the mapping family {family} of Opus, not one or "
            f"two, nor four of ambisonics"
        )
    return channels
