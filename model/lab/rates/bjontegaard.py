"""Bjøntegaard's rate difference: bytes at equal quality, averaged over the common qualities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.interpolate import PchipInterpolator

LEAST_OVERLAP_DB = 0.05
Point = tuple[float, float]
"""Bytes and dB."""


@dataclass(frozen=True)
class RateDifference:
    """Bytes of one curve relative to another.

    Attributes:
        percent: more bytes (+) or fewer (−) at equal quality; None if the curves have no quality in
            common.
        low_db, high_db: common range of qualities, over which the mean is taken; without one, the
            range of the compared curve.
        apart: reason for a missing ``percent``, otherwise empty: ``below`` or ``above`` (all
            qualities of the compared curve are lower or higher) or ``flat`` (one of the curves
            hardly changes).
    """

    percent: float | None
    low_db: float
    high_db: float
    apart: str = ""


def rate_difference(anchor: Iterable[Point], test: Iterable[Point]) -> RateDifference:
    """Return the mean difference of log-rate between two curves.

    Each is interpolated by monotone piecewise cubics, as in codecs' common test conditions. Points
    that cost more bytes than another without looking better are left out.

    Raises:
        ValueError: a curve has no points.
    """
    curves = [rising(anchor), rising(test)]
    (lowest, highest), (low, high) = ((curve[0][1], curve[-1][1]) for curve in curves)
    bottom, top = max(lowest, low), min(highest, high)
    if top - bottom < LEAST_OVERLAP_DB:
        less, more = high < lowest + LEAST_OVERLAP_DB, low > highest - LEAST_OVERLAP_DB
        apart = "below" if less else "above" if more else "flat"
        return RateDifference(None, low, high, apart)
    ours, theirs = (_mean_log_rate(curve, bottom, top) for curve in curves)
    return RateDifference(100 * math.expm1(theirs - ours), bottom, top)


def rising(points: Iterable[Point]) -> list[Point]:
    """Sort points by bytes, and drop those that cost more than another without looking better."""
    front: list[Point] = []
    for size, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((size, quality))
    if not front:
        raise ValueError("a curve has at least one point")
    return front


def _mean_log_rate(curve: Sequence[Point], bottom: float, top: float) -> float:
    qualities = [quality for _, quality in curve]
    rates = PchipInterpolator(qualities, [math.log(size) for size, _ in curve])
    return float(rates.integrate(bottom, top)) / (top - bottom)
