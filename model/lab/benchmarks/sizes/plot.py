"""Plot of cost against size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nerv360.lab.benchmarks.sizes.measure import METHODS, WAYS, SizeFailure, SizeResult
from nerv360.lab.figures import COLOURS, new_figure, png, style


def draw_sizes(rows: Sequence[SizeResult | SizeFailure], *, processor: bool) -> bytes:
    """Plot milliseconds of each kind, with quartiles, and memory against the panorama's width.

    Returns:
        A PNG.

    Args:
        rows: methods not measured at a size leave a gap.
        processor: draw CPU time instead of elapsed time.
    """
    measured = [row for row in rows if isinstance(row, SizeResult)]
    unit = "ms of one core" if processor else "ms"
    figure = new_figure(11, 3.3)
    *times, memory = figure.subplots(1, 4)
    for axis in times[1:]:
        axis.sharey(times[0])
    for axis, (way, label) in zip(times, WAYS.items(), strict=True):
        _draw(axis, measured, lambda row, way=way: row.times(way).quartiles(processor=processor))  # type: ignore[misc]
        axis.set_title(f"{label}, {unit}", fontsize=9)
    _draw(memory, measured, _mebibytes)
    memory.set_title("memory, MiB", fontsize=9)
    widths = sorted({row.frame[1] for row in rows})
    for axis in (*times, memory):
        _dress(axis, widths)
    handles, labels = times[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(METHODS), frameon=False)
    figure.supxlabel("width of the panorama, pixels", fontsize=9)
    return png(figure)


def _mebibytes(row: SizeResult) -> list[float]:
    low, high = row.memory_range
    return [bytes_ / 2**20 for bytes_ in (low, row.memory_bytes, high)]


def _draw(
    axis: Axes, rows: Sequence[SizeResult], read: Callable[[SizeResult], Sequence[float]]
) -> None:
    """Draw one line per method through the middle of three values, with bars to the outer two."""
    for method, title in METHODS.items():
        own = [row for row in rows if row.method == method]
        if not own:
            continue
        widths = [row.frame[1] for row in own]
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
    style(axis)


def _width(width: float) -> str:
    return f"{width / 1024:g}K" if width % 1024 == 0 else f"{width:g}"
