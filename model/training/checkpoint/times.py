"""Times at which a training is saved while it runs."""

from __future__ import annotations

import time


class SavingTimes:
    """Decides after which steps a checkpoint is written.

    It is after a third of the steps, and whenever an interval has passed at an evaluation or at the
    end of an epoch.
    """

    def __init__(self, interval_s: float, step: int, steps: int) -> None:
        """Begin the first interval; ``step`` of ``steps`` are done."""
        self._interval_s = interval_s
        self._before_third = 3 * step < steps
        self.begin_interval()

    def is_due(self, step: int, steps: int, *, between: bool) -> bool:
        """Return whether to save after step ``step`` of ``steps``.

        Args:
            between: the step ends an epoch, or an evaluation followed it.
        """
        if self._before_third and step < steps <= 3 * step:
            self._before_third = False
            return True
        return between and time.monotonic() - self._began >= self._interval_s

    def begin_interval(self) -> None:
        """Begin the next interval now."""
        self._began = time.monotonic()
