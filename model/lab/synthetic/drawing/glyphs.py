"""Capital letters as strokes, and their signed distance."""

from __future__ import annotations

import torch
from torch import Tensor

# Polylines on a grid 4 wide and 6 high, y upwards, one blank between strokes.
_STROKES = {
    "A": "00 26 40 12,32",
    "B": "00 06 36 45 44 33 03 33 42 41 30 00",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46 03,33",
    "F": "00 06 46 03,33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06 03,43 40,46",
    "I": "20 26",
    "K": "00 06 02,46 14,40",
    "L": "06 00 40",
    "M": "00 06 22 46 40",
    "N": "00 06 40 46",
    "O": "10 01 05 16 36 45 41 30 10",
    "P": "00 06 36 45 44 33 03",
    "Q": "10 01 05 16 36 45 41 30 10 22,40",
    "R": "00 06 36 45 44 33 03 23,40",
    "S": "01 10 30 41 42 33 13 04 05 16 36 45",
    "T": "06 46 20,26",
    "U": "06 01 10 30 41 46",
    "W": "06 10 24 30 46",
    "Y": "06 23 46 23,20",
}
ADVANCE = 5.6
CAP_HEIGHT = 6.0


def _segments(letter: str) -> list[tuple[float, float, float, float]]:
    segments = []
    previous: tuple[float, float] | None = None
    for token in _STROKES[letter].split():
        points = [(float(part[0]), float(part[1])) for part in token.split(",")]
        if len(points) == 2:
            segments.append((*points[0], *points[1]))
            previous = None if previous is None else points[1]
            continue
        if previous is not None:
            segments.append((*previous, *points[0]))
        previous = points[0]
    return segments


def text_width(text: str, height: float) -> float:
    """Return the width of ``text`` in letters ``height`` high."""
    return (len(text) * ADVANCE - (ADVANCE - 4.0)) * height / CAP_HEIGHT


def text_distance(u: Tensor, v: Tensor, text: str, height: float, weight: float) -> Tensor:
    """Return the signed distance (negative inside) to ``text`` centred at the origin.

    Args:
        u, v: coordinates to the right and upwards, of one shape.
        text: capital letters that have strokes above, and blanks.
        height: of the letters, in the unit of ``u``.
        weight: thickness of a stroke relative to the height.
    """
    scale = height / CAP_HEIGHT
    x, y = u / scale + text_width(text, CAP_HEIGHT) / 2, v / scale + CAP_HEIGHT / 2
    nearest = torch.full_like(x, 1e6)
    for index, letter in enumerate(text):
        if letter == " ":
            continue
        for ax, ay, bx, by in _segments(letter):
            px, py = x - (ax + index * ADVANCE), y - ay
            dx, dy = bx - ax, by - ay
            along = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0)
            nearest = torch.minimum(nearest, torch.hypot(px - along * dx, py - along * dy))
    return nearest * scale - weight * height / 2
