"""Plot of quality against bytes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nerv360.lab.figures import COLOURS, new_figure, png, style
from nerv360.lab.rates.bjontegaard import rising
from nerv360.lab.rates.comparison import METRICS
from nerv360.lab.rates.measure import RateCurve

STYLES = {
    "": (":", "o"),
    "last": ("-.", "^"),
    "levels": ("--", "s"),
    "still": ("-", "D"),
    None: ("-", "."),
}
"""Line and marker, by the last feature in a network's name; None for codecs."""


def draw_rates(rows: Sequence[RateCurve]) -> bytes:
    """Plot quality, of all and of moving pixels, against kilobytes, one line per method, as a PNG.

    Points that cost more than another and look no better are drawn faintly beside the lines.

    Args:
        rows: a method without a quality of the moving pixels is left out there.
    """
    figure = new_figure(10, 4.6)
    axes = figure.subplots(1, len(METRICS))
    for axis, (metric, where) in zip(axes, METRICS.items(), strict=True):
        for row in rows:
            _draw(axis, row, metric)
        _dress(axis, f"PSNR {where}, dB")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return png(figure)


def _draw(axis: Axes, row: RateCurve, metric: str) -> None:
    points = [
        (point.bytes / 1000, quality)
        for point in row.points
        if (quality := point.quality(metric)) is not None
    ]
    if not points:
        return
    family = row.architecture
    last = None if family is None else row.method.removeprefix(family).rpartition("-")[2]
    line, marker = STYLES[last]
    colour = COLOURS[family or row.method]
    axis.plot(
        *zip(*rising(points), strict=True),
        label=row.title,
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
    style(axis)
