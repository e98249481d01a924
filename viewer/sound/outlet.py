"""The end of the sound: pieces go in, a device takes samples out, at the time when they are due."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nerv360.sound import RATE, STEREO, Mix, mixed
from nerv360.viewer.sound.schedule import Schedule

Block = npt.NDArray[np.float32]

_FADE = RATE // 200
"""Samples in which sound begins and ends, so that it does not click."""

_JUMP_S = 0.1
_DRIFT_S = 0.012
_DRIFT_CALLS = 8
"""A jump is corrected at once; a smaller difference if it is the median of so many calls."""


_PACE_CALLS = 40
"""Calls by which the device's pace is known: a busy machine delays some of them."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Some samples of a clip.

    Attributes:
        samples: samples×channels.
        seconds: position of the first sample in the clip.
        speed: clip seconds a second.
        run: number of the run to which it belongs; pieces of one run follow each other.
    """

    samples: Block
    seconds: float
    speed: float
    run: int


class Outlet:
    """Queue of pieces between the thread that decodes them and the device's own.

    Nothing waits and no lock is held: one thread puts pieces in, and one takes samples out. Others
    set attributes.

    Attributes:
        schedule: what is due; None for silence.
        run: the run to be heard; pieces of others are dropped.
        gains: of ambisonics in two ears.
        volume: 0 to 1.
        latency_s: seconds from taking samples to hearing them.
        buffer_s: length of the device's buffer.
        taken_at: time of the latest call of `take`; 0 before the first.
        late_s: how much later than due the sound is; the median of the latest calls.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin empty; ``clock`` tells the time of schedules."""
        self.schedule: Schedule | None = None
        self.run = 0
        self.gains: Mix = np.full((4, 2), 0.5, np.float32)
        self.volume = 1.0
        self.latency_s = 0.0
        self.buffer_s = 1.0
        self.taken_at = 0.0
        self.late_s = 0.0
        self._clock = clock
        self._pieces: deque[Piece] = deque()
        self._put = self._gone = 0
        self._used = 0  # samples of the first piece that are gone
        self._heard: int | None = None  # run that is heard
        self._late: deque[float] = deque(maxlen=_DRIFT_CALLS)
        self._latest: Mix | None = None
        self._silence = 0
        self._taken = 0
        self._offsets: deque[float] = deque(maxlen=_PACE_CALLS)
        self._fades_in = False

    @property
    def queued(self) -> int:
        """Samples that have been put in, but not taken out."""
        return self._put - self._gone

    def front(self) -> float | None:
        """Return the position of the next sample of the run to be heard, or None without one."""
        for piece in tuple(self._pieces)[:1]:
            if piece.run == self.run:
                return self._position(piece)
        return None

    def put(self, piece: Piece) -> None:
        """Append a piece."""
        self._put += len(piece.samples)
        self._pieces.append(piece)

    def renew(self) -> None:
        """Forget the pace of the device so far; call it while no device takes samples."""
        self._offsets.clear()
        self._taken = 0

    def take(self, count: int) -> Block:
        """Return the next ``count`` samples, count×2."""
        schedule, now = self.schedule, self._pace(count)
        out = np.zeros((count, 2), np.float32)
        done = 0
        due = None
        if schedule is not None and schedule.playing:
            due = schedule.at(now + self.latency_s)
        if self._heard is not None and not self._goes_on(schedule, due):
            done = self._end(out)
        if self._heard is None and schedule is not None and due is not None:
            self._begin(schedule, due + done / RATE * schedule.speed)
        if self._heard is not None:
            self._fill(out, done)
        return out

    def _pace(self, count: int) -> float:
        """Return the time at which a device without delays would have asked for samples."""
        before, self.taken_at = self.taken_at, self._clock()
        if self.taken_at - before > self.buffer_s:  # it ran dry, so that all is later from now on
            self._offsets.clear()
        self._offsets.append(self.taken_at - self._taken / RATE)
        now = self._taken / RATE + min(self._offsets)
        self._taken += count
        return now

    def _goes_on(self, schedule: Schedule | None, due: float | None) -> bool:
        """Return False if what is heard must end: it is paused, left, or not what is due."""
        if schedule is None or due is None or self._heard != self.run:
            return False
        first = self._pieces[0] if self._pieces else None
        if first is None or self._silence:
            return True
        late = schedule.ahead(due, self._position(first)) / first.speed
        self._late.append(late)
        if len(self._late) == _DRIFT_CALLS:
            self.late_s = statistics.median(self._late)
        return abs(late) <= _JUMP_S and abs(self.late_s) <= _DRIFT_S

    def _end(self, out: Block) -> int:
        """Let what is heard fade out; return the number of samples."""
        if self._fades_in:  # its first sample was not due yet
            self._silence, self._heard = 0, None
            return 0
        block = self._pull(min(_FADE, len(out)))
        if len(block):
            fade = np.linspace(1, 0, len(block), dtype=np.float32)[:, None]
            out[: len(block)] = self._mix(block) * fade
        self._heard = None
        return len(block)

    def _begin(self, schedule: Schedule, due: float) -> None:
        """Begin with the sample that is due, if it is there."""
        while self._pieces:
            first = self._pieces[0]
            late = schedule.ahead(due, self._position(first)) / first.speed
            skipped = round(late * RATE)
            if first.run != self.run or skipped >= len(first.samples) - self._used:
                self._drop()
                continue
            if abs(late) > _JUMP_S and skipped < 0:
                return  # a new run will come
            self._used += max(skipped, 0)
            self._gone += max(skipped, 0)
            self._silence = max(-skipped, 0)
            self._heard, self._fades_in = first.run, True
            self._late.clear()
            self.late_s = 0.0
            return

    def _fill(self, out: Block, done: int) -> None:
        silent = min(self._silence, len(out) - done)
        self._silence -= silent
        done += silent
        if done == len(out):
            return
        block = self._mix(self._pull(len(out) - done))
        edge = min(_FADE, len(block))
        fade = np.linspace(0, 1, edge, dtype=np.float32)[:, None]
        if self._fades_in:
            block[:edge] *= fade
            self._fades_in = False
        if not self._pieces or self._pieces[0].run != self._heard:  # nothing more is there
            block[len(block) - edge :] *= fade[::-1]
            self._heard = None
        out[done : done + len(block)] = block

    def _pull(self, count: int) -> Block:
        """Take up to ``count`` samples of the run that is heard."""
        parts: list[Block] = []
        while count and self._pieces and self._pieces[0].run == self._heard:
            first = self._pieces[0]
            part = first.samples[self._used : self._used + count]
            parts.append(part)
            count -= len(part)
            self._used += len(part)
            self._gone += len(part)
            if self._used == len(first.samples):
                self._drop()
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)

    def _mix(self, block: Block) -> Block:
        """Return what two ears hear of a block, at the present look and volume."""
        gains = self.gains if block.shape[1] == len(self.gains) else STEREO
        after = gains * np.float32(self.volume)
        before = self._latest
        if before is None or len(before) != len(after):
            before = after
        self._latest = after
        return mixed(block, before, after)

    def _position(self, piece: Piece) -> float:
        return piece.seconds + self._used / RATE * piece.speed

    def _drop(self) -> None:
        first = self._pieces.popleft()
        self._gone += len(first.samples) - self._used
        self._used = 0
