"""Delay of pictures until they are on screen, which the sound follows."""

from __future__ import annotations

import statistics
from collections import deque

_PICTURES = 15
_LONGEST_S = 0.3
_STEP_S = 0.02


class PictureDelay:
    """Time from when a frame is due until its picture is on screen.

    Attributes:
        seconds: the usual delay; it changes in steps, because each of them interrupts the sound.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._latest: deque[float] = deque(maxlen=_PICTURES)

    def add(self, seconds: float) -> None:
        """Count a picture that was on screen so late; after a jump it is no measure."""
        if not 0 <= seconds <= _LONGEST_S:
            return
        self._latest.append(seconds)
        usual = statistics.median(self._latest)
        if len(self._latest) == _PICTURES and abs(usual - self.seconds) > _STEP_S:
            self.seconds = usual
