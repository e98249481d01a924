"""Two decoders side by side: which one is on the right, and where the divider stands."""

from __future__ import annotations

_MARGIN = 0.05


class Split:
    """The view's right side, decoded by another decoder than the left.

    Attributes:
        decoder: the name of the one on the right.
    """

    def __init__(self, decoder: str) -> None:
        self.decoder = decoder
        self._share = 0.5

    @property
    def share(self) -> float:
        """Where the divider stands: 0 is the window's left edge, 1 the right."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = min(max(share, _MARGIN), 1 - _MARGIN)

    def parts(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Left and right end of each side, as shares of the window's width."""
        return (0.0, self._share), (self._share, 1.0)


def other_decoder(decoders: tuple[str, ...], shown: tuple[str, ...], after: str) -> str | None:
    """The next of ``decoders`` in turn after ``after`` that is not among ``shown``, or nothing."""
    start = decoders.index(after) + 1
    turned = decoders[start:] + decoders[:start]
    return next((name for name in turned if name not in shown), None)
