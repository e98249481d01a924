"""Decodes a sound track in blocks, at any time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from nerv360.sound.limits import LAYOUTS, RATE
from nerv360.sound.track import SoundTrack
from nerv360.video import decode_packets

Block = npt.NDArray[np.float32]

_PREROLL_S = 0.25
"""Time decoded before a jump's goal: codecs such as Opus need 80 ms to settle."""

_SLACK = RATE // 50
"""Samples by which a stream's times may be off before silence is added or samples are left out."""

_MOST_SAMPLES = 1 << 22
"""Samples of one decoded frame; a larger one is damaged."""


class SoundReader:
    """Blocks of a sound track in any order, at `RATE`; used from a single thread.

    Reading on decodes everything once and never seeks.
    """

    def __init__(self, track: SoundTrack) -> None:
        """Open the track.

        Raises:
            InputError: it cannot be read any more.
        """
        self.track = track
        self._container = track.open()
        stream = self._container.streams[track.stream]
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        # Samples of the clip: the next one to be read, and the first that is neither read nor held.
        self._next = self._position = 0
        self._held: Block = np.zeros((0, track.channels), np.float32)
        self._waiting: tuple[int, Block] | None = None
        self._sought = True
        self._decoded = self._decode()

    def read(self, start: int, count: int) -> Block:
        """Return ``count`` samples from sample ``start`` of the clip on, count×channels.

        It is silent before the sound begins, after it ends and where it is damaged.
        """
        if start != self._next:
            self._seek(start)
        parts, missing = [], count
        while missing:
            if not len(self._held):
                self._fill(missing)
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        self._next = start + count
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _fill(self, wanted: int) -> None:
        """Decode on, so that the next samples are held; of silence at most ``wanted``."""
        found = self._waiting or next(self._decoded, None)
        self._waiting = None
        gap = wanted
        if found is not None:
            gap = found[0] - self._position
            if abs(gap) <= _SLACK and not self._sought:
                gap = 0
        if gap > 0:  # it may be longer than all memory, so it is filled as it is read
            self._waiting = found
            self._held = np.zeros((min(gap, wanted), self.track.channels), np.float32)
        elif found is not None:
            self._held = found[1][-gap:]
            self._sought = self._sought and not len(self._held)
        self._position += len(self._held)

    def _seek(self, start: int) -> None:
        self._next = self._position = start
        self._held = self._held[:0]
        self._waiting, self._sought = None, True
        seconds = max(start / RATE + self.track.begin_s - _PREROLL_S, 0.0)
        tick = self._stream.time_base or Fraction(1, RATE)
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.seek(int(seconds / tick), stream=self._stream, backward=True)
        self._decoded = self._decode()

    def _decode(self) -> Iterator[tuple[int, Block]]:
        """Yield blocks of at least one sample with the sample of the clip at which they begin."""
        resampler = av.AudioResampler(format="fltp", layout=LAYOUTS[self.track.channels], rate=RATE)
        expected: float | None = None
        for frame in decode_packets(self._container.demux(self._stream)):
            if not 0 < frame.samples <= _MOST_SAMPLES:
                continue
            if frame.pts is not None and frame.time_base is not None:
                expected = float(frame.pts * frame.time_base)
            begin = (0.0 if expected is None else expected) - self.track.begin_s
            expected = begin + self.track.begin_s + frame.samples / frame.sample_rate
            with contextlib.suppress(av.FFmpegError, ValueError):
                prepared = self._prepared(frame)
                blocks = [part.to_ndarray().T for part in resampler.resample(prepared)]
                if blocks:
                    block = np.nan_to_num(np.concatenate(blocks).astype(np.float32))
                    yield round(begin * RATE), np.clip(block, -4.0, 4.0)

    def _prepared(self, frame: av.AudioFrame) -> av.AudioFrame:
        """Return W, Y, Z and X, or two channels; the resampler makes them of more."""
        places = self.track.places
        if not places and frame.layout.nb_channels > 2:
            frame.pts = None
            return frame
        samples = _samples(frame)
        chosen = np.zeros((len(places) or 2, samples.shape[1]), np.float32)
        for row, place in enumerate(places or (0, len(samples) - 1)):
            if place < len(samples):
                chosen[row] = samples[place]
        made = av.AudioFrame.from_ndarray(chosen, format="fltp", layout=LAYOUTS[len(chosen)])
        made.sample_rate = frame.sample_rate
        return made


def _samples(frame: av.AudioFrame) -> Block:
    """Return the samples of a frame, channels×samples, between -1 and 1."""
    values: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    floats: Block = values.astype(np.float32)
    if values.dtype.kind == "u":
        floats *= 1 / 128
        floats -= 1
    elif values.dtype.kind == "i":
        floats *= 2.0 ** (1 - 8 * values.dtype.itemsize)
    return floats
