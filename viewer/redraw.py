"""Times to draw the window: at once after a change, and now and then without one."""

from __future__ import annotations

import time
from collections.abc import Callable

_REFRESH_S = 0.1
_RESTING_S = 1.0
_RESTING_REFRESH_S = 1.0


class Redraw:
    """Compares the state to draw with the state that was drawn.

    Attributes:
        resting: nothing has changed recently, so little is drawn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing drawn; ``clock`` returns elapsed seconds."""
        self._clock = clock
        self._drawn: object = None
        self._drawn_at = self._changed_at = 0.0
        self.resting = False

    def is_due(self, state: object) -> bool:
        """Return True if the window must be drawn, now that its content is ``state``."""
        now, changed = self._clock(), state != self._drawn
        if changed:
            self._changed_at = now
        self.resting = now - self._changed_at > _RESTING_S
        refresh = _RESTING_REFRESH_S if self.resting else _REFRESH_S
        return changed or now - self._drawn_at > refresh

    def note(self, state: object) -> None:
        """Note that ``state`` is drawn now."""
        self._drawn, self._drawn_at = state, self._clock()
