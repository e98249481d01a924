"""Plot of quality against bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nerv360.lab.rates.bjontegaard import rising
from nerv360.lab.rates.comparison import METRICS

DPI = 110
COLOURS = {
    "nerv360": "#0b6e99",
    "hnerv": "#d1495b",
    "hnerv-boost": "#edae49",
    "x265": "#66a182",
    "av1": "#6c4f9e",
}
"""By architecture or codec."""
STYLES = {"": (":", "o"), "levels": ("--", "s"), "still": ("-", "D"), None: ("-", ".")}
"""Line and marker, by the last feature in a network's name; None for codecs."""


def draw_rates(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Plot quality, of all and of moving pixels, against kilobytes, one line per method, as a PNG.

    Points that cost more than another and look no better are drawn faintly beside the lines.

    Args:
        rows: of the table's JSON; a method without a quality of the moving pixels is left out
            there.
    """
    figure = Figure(dpi=DPI, figsize=(10, 4.6), layout="constrained")
    axes = figure.subplots(1, len(METRICS))
    for axis, (metric, where) in zip(axes, METRICS.items(), strict=True):
        for row in rows:
            _draw(axis, row, metric)
        _dress(axis, f"PSNR {where}, dB")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axis: Axes, row: Mapping[str, Any], metric: str) -> None:
    points = [
        (point["bytes"] / 1000, point[metric])
        for point in row["points"]
        if point[metric] is not None
    ]
    if not points:
        return
    family = row["architecture"]
    last = None if family is None else row["method"].removeprefix(family).rpartition("-")[2]
    line, marker = STYLES[last]
    colour = COLOURS[family or row["method"]]
    axis.plot(
        *zip(*rising(points), strict=True),
        label=row["title"],
        color=colour,
        linestyle=line,
        marker=marker,
        markersize=4.5,
        linewidth=2.2 if family == "nerv360" else 1.4,
    )
    axis.plot(*zip(*points, strict=True), marker, color=colour, markersize=4.5, alpha=0.35)


def _dress(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("kB", fontsize=9)
    if axis.has_data():
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)
