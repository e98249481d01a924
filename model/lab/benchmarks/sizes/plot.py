"""Plot of cost against size."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nerv360.lab.benchmarks.sizes.measure import METHODS

DPI = 110
COLOURS = dict(zip(METHODS, ("#0b6e99", "#d1495b", "#edae49", "#66a182", "#6c4f9e"), strict=True))
WAYS = {
    "looking": "another look",
    "playing": "the next picture",
    "jumping": "a picture anywhere",
}


def draw_sizes(rows: Sequence[Mapping[str, Any]], *, processor: bool) -> bytes:
    """Plot milliseconds of each kind, with quartiles, and memory against the panorama's width.

    Returns:
        A PNG.

    Args:
        rows: of the table's JSON; methods not measured at a size leave a gap.
        processor: draw CPU time instead of elapsed time.
    """
    key, unit = "quartiles_ms", "ms"
    if processor:
        key, unit = f"processor_{key}", "ms of one core"
    measured = [row for row in rows if "failed" not in row]
    figure = Figure(dpi=DPI, figsize=(11, 3.3), layout="constrained")
    *times, memory = figure.subplots(1, 4)
    for axis in times[1:]:
        axis.sharey(times[0])
    for axis, (way, label) in zip(times, WAYS.items(), strict=True):
        _draw(axis, measured, lambda row, way=way: row[way][key])  # type: ignore[misc]
        axis.set_title(f"{label}, {unit}", fontsize=9)
    _draw(memory, measured, _mebibytes)
    memory.set_title("memory, MiB", fontsize=9)
    widths = sorted({row["frame"][1] for row in rows})
    for axis in (*times, memory):
        _dress(axis, widths)
    handles, labels = times[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(METHODS), frameon=False)
    figure.supxlabel("width of the panorama, pixels", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _mebibytes(row: Mapping[str, Any]) -> list[float]:
    low, high = row["memory_range"]
    return [bytes_ / 2**20 for bytes_ in (low, row["memory_bytes"], high)]


def _draw(
    axis: Axes,
    rows: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], Sequence[float]],
) -> None:
    """Draw one line per method through the middle of three values, with bars to the outer two."""
    for method, title in METHODS.items():
        own = [row for row in rows if row["method"] == method]
        if not own:
            continue
        widths = [row["frame"][1] for row in own]
        low, middle, high = ([read(row)[k] for row in own] for k in range(3))
        below = [m - v for m, v in zip(middle, low, strict=True)]
        above = [v - m for m, v in zip(middle, high, strict=True)]
        axis.errorbar(
            widths, middle, (below, above), label=title, color=COLOURS[method],
            marker="o", markersize=3.5, capsize=2, linewidth=2.2 if method == "nerv360" else 1.3,
        )  # fmt: skip


def _dress(axis: Axes, widths: Sequence[int]) -> None:
    axis.set_xscale("log", base=2)
    if axis.has_data():  # matplotlib finds no ticks for a log scale without data
        axis.set_yscale("log")
    axis.xaxis.set_major_locator(FixedLocator(widths))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda width, _: _width(width)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)


def _width(width: float) -> str:
    return f"{width / 1024:g}K" if width % 1024 == 0 else f"{width:g}"
