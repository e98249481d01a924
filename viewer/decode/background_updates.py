"""Schedules the background of a source: when its parts are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nerv360.decoding import Engine
from nerv360.viewer.decode.look_prediction import Request

if TYPE_CHECKING:
    from torch import Tensor

    from nerv360.viewer.decode.background import Background

TIME_SHARE = 0.18
"""Time for the background, as a share of the time for pictures."""


class BackgroundUpdater:
    """Background of one source, updated in a small share of the time for pictures."""

    def __init__(self, make: Callable[[], Engine] | None) -> None:
        """Start without a background; the first step builds it.

        Args:
            make: makes the small engine; None for no background.
        """
        self._make = make
        self._background: Background | None = None
        self._credit_s = 0.0
        self._unseen = False

    @property
    def affordable(self) -> bool:
        """Whether pictures have taken enough time for another step."""
        return self._credit_s >= self._cost_s

    def earn(self, decode_s: float) -> None:
        """Count ``decode_s`` seconds spent on a picture."""
        self._credit_s = min(self._credit_s + TIME_SHARE * decode_s, 1.0)

    def due(self, frame: int) -> bool:
        """Return True if the background must be updated or shown for ``frame``."""
        if self._make is None:
            return False
        return self._background is None or self._unseen or self._background.stale(frame)

    def step(self, request: Request) -> Tensor:
        """Decode one more part and return the whole, as in `Background.pixels`.

        Raises:
            Exception: the engine cannot be made, or cannot decode.
        """
        if self._unseen and self._background is not None:
            self._unseen = False
            return self._background.pixels()
        self._credit_s = max(self._credit_s - self._cost_s, 0.0)
        if self._background is None:
            from nerv360.viewer.decode.background import (
                Background,  # needs torch, as its engine does
            )

            assert self._make is not None
            self._background = Background(self._make())
        self._background.step(request.frame, request.look)
        return self._background.pixels()

    def show_again(self) -> None:
        """Return the background unchanged in the next step, because the window has lost it."""
        self._unseen = self._background is not None

    def begin_anew(self) -> None:
        """Free the engine; the next step makes another."""
        self._background, self._unseen = None, False

    def give_up(self) -> None:
        """Free the engine and make no other."""
        self.begin_anew()
        self._make = None

    @property
    def _cost_s(self) -> float:
        return self._background.cost if self._background else 0.0
