"""Predictions to compare a report's measurements with, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

CARDS = ("H100", "RTX 4090")
"""Cards with predictions."""

_SPEED = "docs/performance.md, predicted for two cards"
_TABLE_1 = "docs/benchmarks/README.md, prediction of the memory of table 1"


@dataclass(frozen=True)
class Prediction:
    """A prediction of one number at the paper's size.

    Attributes:
        step: of the report that measures it.
        quantity: ``looking``, pictures a second, or ``memory``, GiB.
        card: name of the card, or None for all.
        text: the number or range.
        source: where the prediction comes from.
    """

    step: str
    quantity: str
    card: str | None
    text: str
    source: str


PREDICTIONS = (
    Prediction("nerv360-compiled", "looking", "H100", "240–280", _SPEED),
    Prediction("nerv360-compiled", "looking", "RTX 4090", "90–100", _SPEED),
    Prediction("nerv360-fused", "looking", "H100", "260–330", _SPEED),
    Prediction("nerv360-fused", "looking", "RTX 4090", "105–125", _SPEED),
    Prediction("nerv360-compiled", "memory", None, "0.59", "docs/performance.md, the two floors"),
    Prediction("nerv360-fused", "memory", None, "0.31", "docs/performance.md, the fused engine"),
    Prediction("encoding-nerv360", "memory", None, "3.0", _TABLE_1),
    Prediction("training-nerv360", "memory", None, "9.4", _TABLE_1),
    Prediction("training-hnerv", "memory", None, "18.4", _TABLE_1),
    Prediction("training-hnerv-boost", "memory", None, "34.9", _TABLE_1),
)

PAYS = 1.2
"""Speed that makes the fused engine the default, as a multiple of the compiled engine's."""


def predicted(step: str, quantity: str, card: str | None = None) -> str:
    """Return the prediction, or a dash if there is none."""
    for each in PREDICTIONS:
        if (each.step, each.quantity) == (step, quantity) and each.card in (None, card):
            return each.text
    return "–"
