"""Limit on the pictures that are on their way to a visitor."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

_MOST = 8.0
_LATE_S = 0.05
_TOO_LATE_S = 0.1
_FEWER = 0.7


@dataclass(frozen=True)
class _Sent:
    number: int
    at: float
    alone: bool


class Pace:
    """Window of pictures on their way, narrowed as soon as they begin to queue on the link.

    A picture that takes longer than one alone on the link has waited behind others.
    """

    def __init__(self) -> None:
        self._window = 2.0
        self._sent: deque[_Sent] = deque()
        self._alone_s = math.inf

    @property
    def open(self) -> bool:
        """Whether another picture may be sent."""
        return len(self._sent) < int(self._window)

    def oldest(self, now: float) -> float:
        """Return the seconds that the oldest picture has been on its way; 0 without one."""
        return now - self._sent[0].at if self._sent else 0.0

    def send(self, number: int, now: float) -> None:
        """Count a picture as on its way."""
        self._sent.append(_Sent(number, now, not self._sent))

    def seen(self, number: int, now: float) -> None:
        """Count picture ``number``, and any before it, as arrived."""
        while self._sent and self._sent[0].number <= number:
            sent = self._sent.popleft()
            self._adapt(now - sent.at, sent.alone)

    def _adapt(self, delay: float, alone: bool) -> None:
        self._alone_s = delay if alone else min(self._alone_s, delay)
        late = delay - self._alone_s
        if late > _TOO_LATE_S:
            self._window = max(self._window * _FEWER, 1.0)
        elif late < _LATE_S:
            self._window = min(self._window + 1 / self._window, _MOST)
