"""Compare all methods' rates with one codec's, and put the result into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nerv360.lab.rates.bjontegaard import Point, RateDifference, rate_difference
from nerv360.lab.rates.measure import RateCurve

ANCHOR = "x265"
METRICS = {"psnr_db": "on average", "moving_db": "where it moves"}
OURS = "nerv360"
MANY = 1000
"""From this percentage on, a factor is easier to read."""


def compared(rows: Sequence[RateCurve]) -> list[RateCurve]:
    """Set ``rate_difference`` to x265, by metric.

    It is None for x265 itself, and if either has not been measured.
    """
    anchor = next((row for row in rows if row.method == ANCHOR), None)
    return [replace(row, rate_difference=_differences(anchor, row)) for row in rows]


def verdicts(rows: Sequence[RateCurve]) -> list[str]:
    """Return sentences on which method needs the fewest bytes and which network looks best.

    Args:
        rows: results of `compared`, rivals included.
    """
    lines = []
    for metric, where in METRICS.items():
        measured = [row for row in rows if _curve(row, metric)]
        if len(measured) > 1:
            lines += [_on_bytes(measured, metric, where), _on_quality(measured, metric, where)]
    return [line for line in lines if line]


def in_words(percent: float) -> str:
    """Format bytes at equal quality relative to x265: a percentage, or a factor if large."""
    return f"{percent:+.0f} %" if percent < MANY else f"{1 + percent / 100:.1f} times"


def _differences(anchor: RateCurve | None, row: RateCurve) -> dict[str, RateDifference | None]:
    found: dict[str, RateDifference | None] = {}
    for metric in METRICS:
        curves = [_curve(anchor, metric) if anchor is not None else [], _curve(row, metric)]
        known = row is not anchor and all(curves)
        found[metric] = rate_difference(*curves) if known else None
    return found


def _curve(row: RateCurve, metric: str) -> list[Point]:
    """Return the points, or none if the metric was not measured for all of them."""
    points: list[Point] = [
        (point.bytes, quality)
        for point in row.points
        if (quality := point.quality(metric)) is not None
    ]
    return points if len(points) == len(row.points) else []


def _on_bytes(rows: Sequence[RateCurve], metric: str, where: str) -> str:
    known = {row.method: _percent(row, metric) for row in rows}
    if ANCHOR not in known:
        return ""
    ranked = sorted((percent, name) for name, percent in known.items() if percent is not None)
    titles = {row.method: row.title for row in rows}
    networks = {row.method for row in rows if row.architecture is not None}
    first = ranked[0][1]
    against = "" if first == ANCHOR else f" ({in_words(ranked[0][0])} against x265)"
    said = f"Fewest bytes at equal quality {where}: {titles[first]}{against}"
    of_networks = [(p, n) for p, n in ranked if n in networks]
    if networks and not of_networks:
        return f"{said}; no network has a quality in common with x265."
    if of_networks and of_networks[0][1] != first:
        percent, name = of_networks[0]
        said += f"; of the networks {titles[name]} ({in_words(percent)})"
    ours = [(p, n) for p, n in of_networks if _is_ours(n)]
    if ours and ours[0] != of_networks[0]:
        said += f", before NeRV360's best, {titles[ours[0][1]]} ({in_words(ours[0][0])})"
    return f"{said}."


def _on_quality(rows: Sequence[RateCurve], metric: str, where: str) -> str:
    tops = [(*_top(row, metric), row) for row in rows if row.architecture is not None]
    if len(tops) < 2:
        return ""
    tops.sort(key=lambda top: -top[1])
    size, quality, best = tops[0]
    said = f"Best network {where}: {best.title}, {quality:.2f} dB in {size / 1000:.1f} kB"
    ours = next((top for top in tops if _is_ours(top[2].method)), None)
    if ours is not None and ours[2] is not best:
        said += f"; NeRV360's best is {ours[2].title}, {ours[1]:.2f} dB"
    return f"{said}."


def _is_ours(method: str) -> bool:
    return method.split("-")[0] == OURS


def _top(row: RateCurve, metric: str) -> Point:
    return max(_curve(row, metric), key=lambda point: point[1])


def _percent(row: RateCurve, metric: str) -> float | None:
    if row.method == ANCHOR:
        return 0.0
    difference = row.rate_difference[metric]
    return None if difference is None else difference.percent
