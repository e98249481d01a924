"""Background of a source in use: when its parts are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from model.decoding import Engine
from viewer.decode.look_prediction import Request

if TYPE_CHECKING:
    from torch import Tensor

    from viewer.decode.background import Background

TIME_SHARE = 0.18
"""Time for the background, as a share of the time for pictures."""


class BackgroundUpdater:
    """Background of one source, brought up to date in a small share of the time for pictures."""

    def __init__(self, make: Callable[[], Engine] | None) -> None:
        """Nothing is built yet.

        Args:
            make: the small engine; without it there is no background.
        """
        self._make = make
        self._background: Background | None = None
        self._credit_s = 0.0
        self._unseen = False

    @property
    def affordable(self) -> bool:
        """Pictures have taken long enough for another step."""
        return self._credit_s >= self._cost_s

    def earn(self, decode_s: float) -> None:
        """A picture has taken ``decode_s`` seconds."""
        self._credit_s = min(self._credit_s + TIME_SHARE * decode_s, 1.0)

    def due(self, frame: int) -> bool:
        """There is something to do for ``frame``."""
        if self._make is None:
            return False
        return self._background is None or self._unseen or self._background.stale(frame)

    def step(self, request: Request) -> Tensor:
        """Decode one more part, and show the whole; its pixels as `Background.pixels` has them.

        Raises:
            Exception: the engine cannot be made, or cannot decode.
        """
        if self._unseen and self._background is not None:
            self._unseen = False
            return self._background.pixels()
        self._credit_s = max(self._credit_s - self._cost_s, 0.0)
        if self._background is None:
            from viewer.decode.background import Background  # takes torch, as its engine does

            assert self._make is not None
            self._background = Background(self._make())
        self._background.step(request.frame, request.look)
        return self._background.pixels()

    def show_again(self) -> None:
        """Hand over the background as it is in the next step: the window shows it no more."""
        self._unseen = self._background is not None

    def begin_anew(self) -> None:
        """Free the engine; the next step makes another."""
        self._background, self._unseen = None, False

    def give_up(self) -> None:
        """Free the engine, and make no other."""
        self.begin_anew()
        self._make = None

    @property
    def _cost_s(self) -> float:
        return self._background.cost if self._background else 0.0
