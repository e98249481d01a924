"""Pieces of a sound track, as a schedule needs them."""

from __future__ import annotations

import numpy as np

from nerv360.sound import RATE, SoundReader, SoundTrack, Stretcher
from nerv360.viewer.sound.outlet import Block, Piece
from nerv360.viewer.sound.schedule import Schedule

_BLOCK = RATE // 50
_EDGE = RATE // 500
"""Samples in which sound ends and begins at the ends of a loop."""


class Source:
    """Reads a track on and on, in runs that each begin at a position; used from a single thread."""

    def __init__(self, track: SoundTrack) -> None:
        """Open the track.

        Raises:
            InputError: it cannot be read.
        """
        self.reader = SoundReader(track)
        self._channels = track.channels
        self._next = 0
        self._seconds = 0.0

    def begin(self, run: int, schedule: Schedule, seconds: float) -> None:
        """Begin a run at a position in the clip."""
        self._run, self._schedule = run, schedule
        self._length = max(round(schedule.duration * RATE), 1)
        self._stretcher = Stretcher(self._channels, schedule.speed)
        self._next = round(seconds * RATE)
        self._seconds = seconds + self._stretcher.lead_s * schedule.speed

    def piece(self) -> Piece:
        """Return the next piece of the run; its length varies."""
        schedule = self._schedule
        samples = self._stretcher.feed(self._read())
        seconds = schedule.wrapped(self._seconds)
        self._seconds += len(samples) / RATE * schedule.speed
        return Piece(samples, seconds, schedule.speed, self._run)

    def close(self) -> None:
        """Close the file."""
        self.reader.close()

    def _read(self) -> Block:
        if not self._schedule.loop:
            block = self.reader.read(self._next, _BLOCK)
            block = block[: max(self._length - self._next, 0)]
            self._next += _BLOCK
            return np.concatenate([block, np.zeros((_BLOCK - len(block), self._channels), "f4")])
        start = self._next % self._length
        count = min(_BLOCK, self._length - start)
        block = self.reader.read(start, count)
        self._next = start + count
        if start < _EDGE or self._next > self._length - _EDGE:
            at = np.arange(start, start + count, dtype=np.float32)[:, None]
            block = block * np.clip(np.minimum(at, self._length - at) / _EDGE, 0, 1)
        return block
