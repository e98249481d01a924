"""One coordinate of the view: where it is, how fast it moves, what slows it down."""

from __future__ import annotations

import math
from dataclasses import dataclass

_REST = 1e-4


@dataclass
class Dynamic:
    """A value that moves under a drive and against friction.

    Attributes:
        offset: the value itself, within its limits.
        low, high: limits of ``offset``; a periodic value wraps into [low, high).
        periodic: it wraps instead of stopping.
        friction: how fast velocity settles, 1/s; infinite means no inertia at all.
        velocity: units of ``offset`` a second.
    """

    offset: float
    low: float
    high: float
    periodic: bool = False
    friction: float = math.inf
    velocity: float = 0.0

    def advance(self, seconds: float, drive: float = 0.0) -> None:
        """Move on by ``seconds`` towards the velocity ``drive``; exact for any step length."""
        if math.isinf(self.friction):
            self.velocity = drive
            travel = drive * seconds
        else:
            kept = math.exp(-self.friction * seconds)
            excess = self.velocity - drive
            travel = drive * seconds + excess * (1 - kept) / self.friction
            self.velocity = drive + excess * kept
        if drive == 0.0 and abs(self.velocity) < _REST:
            self.velocity = 0.0
        self._move_to(self.offset + travel)

    def nudge(self, distance: float) -> None:
        """Travel ``distance`` further: at once, or gliding there where there is inertia."""
        if math.isinf(self.friction):
            self._move_to(self.offset + distance)
        else:
            self.velocity += distance * self.friction

    def place(self, offset: float) -> None:
        """Be at ``offset``, at rest."""
        self.velocity = 0.0
        self._move_to(offset)

    def _move_to(self, offset: float) -> None:
        if self.periodic and not self.low <= offset < self.high:
            period = self.high - self.low
            wrapped = (offset - self.low) % period + self.low
            self.offset = wrapped if wrapped < self.high else self.low
        elif self.periodic:
            self.offset = offset
        else:
            self.offset = min(max(offset, self.low), self.high)
            if self.offset != offset:
                self.velocity = 0.0
