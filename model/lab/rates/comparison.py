"""Compare all methods' rates with one codec's, and put the result into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nerv360.lab.rates.bjontegaard import Point, rate_difference

ANCHOR = "x265"
METRICS = {"psnr_db": "on average", "moving_db": "where it moves"}
OURS = "nerv360"
MANY = 1000
"""From this percentage on, a factor is easier to read."""

Row = Mapping[str, Any]


def compared(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Add ``rate_difference`` to x265, by metric, to rows of the table's JSON.

    It is None for x265 itself, and if either has not been measured.
    """
    anchor = next((row for row in rows if row["method"] == ANCHOR), None)
    return [{**row, "rate_difference": _differences(anchor, row)} for row in rows]


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return sentences on which method needs the fewest bytes and which network looks best.

    Args:
        rows: results of `compared`, rivals included.
    """
    lines = []
    for metric, where in METRICS.items():
        measured = [row for row in rows if _best(row, metric) is not None]
        if len(measured) > 1:
            lines += [_on_bytes(measured, metric, where), _on_quality(measured, metric, where)]
    return [line for line in lines if line]


def in_words(percent: float) -> str:
    """Format bytes at equal quality relative to x265: a percentage, or a factor if large."""
    return f"{percent:+.0f} %" if percent < MANY else f"{1 + percent / 100:.1f} times"


def _differences(anchor: Row | None, row: Row) -> dict[str, dict[str, Any] | None]:
    found: dict[str, dict[str, Any] | None] = {}
    for metric in METRICS:
        curves = [_curve(anchor, metric) if anchor is not None else [], _curve(row, metric)]
        known = row is not anchor and all(curves)
        found[metric] = asdict(rate_difference(*curves)) if known else None
    return found


def _curve(row: Row, metric: str) -> list[Point]:
    points = [(point["bytes"], point[metric]) for point in row["points"]]
    return [] if any(quality is None for _, quality in points) else points


def _best(row: Row, metric: str) -> Mapping[str, Any] | None:
    """Return the point of the highest quality, or None if the metric was not measured."""
    if not _curve(row, metric):
        return None
    best: Mapping[str, Any] = max(row["points"], key=lambda point: point[metric])
    return best


def _on_bytes(rows: Sequence[Row], metric: str, where: str) -> str:
    known = {row["method"]: _percent(row, metric) for row in rows}
    if ANCHOR not in known:
        return ""
    ranked = sorted((percent, name) for name, percent in known.items() if percent is not None)
    titles = {row["method"]: row["title"] for row in rows}
    networks = [row for row in rows if row["architecture"] is not None]
    first = ranked[0][1]
    against = "" if first == ANCHOR else f" ({in_words(ranked[0][0])} against x265)"
    said = f"Fewest bytes at equal quality {where}: {titles[first]}{against}"
    of_networks = [(p, n) for p, n in ranked if n in {row["method"] for row in networks}]
    if networks and not of_networks:
        return f"{said}; no network has a quality in common with x265."
    if of_networks and of_networks[0][1] != first:
        percent, name = of_networks[0]
        said += f"; of the networks {titles[name]} ({in_words(percent)})"
    ours = [(p, n) for p, n in of_networks if _is_ours(n)]
    if ours and ours[0] != of_networks[0]:
        said += f", before NeRV360's best, {titles[ours[0][1]]} ({in_words(ours[0][0])})"
    return f"{said}."


def _on_quality(rows: Sequence[Row], metric: str, where: str) -> str:
    networks = [row for row in rows if row["architecture"] is not None]
    if len(networks) < 2:
        return ""
    ranked = sorted(networks, key=lambda row: -_top(row, metric))
    best = ranked[0]
    size = max(best["points"], key=lambda point: point[metric])["bytes"] / 1000
    said = f"Best network {where}: {best['title']}, {_top(best, metric):.2f} dB in {size:.1f} kB"
    ours = next((row for row in ranked if _is_ours(row["method"])), None)
    if ours is not None and ours is not best:
        said += f"; NeRV360's best is {ours['title']}, {_top(ours, metric):.2f} dB"
    return f"{said}."


def _is_ours(method: str) -> bool:
    return method.split("-")[0] == OURS


def _top(row: Row, metric: str) -> float:
    return max(point[metric] for point in row["points"])


def _percent(row: Row, metric: str) -> float | None:
    if row["method"] == ANCHOR:
        return 0.0
    difference = row["rate_difference"][metric]
    return None if difference is None else difference["percent"]
