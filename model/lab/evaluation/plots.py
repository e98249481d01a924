"""Figures of a report, each a PNG in memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from nerv360.lab.evaluation.results import Evaluation, PathResult, PictureRow, SphereResult, mean
from nerv360.lab.figures import COLOURS, OTHER, new_figure, png, style


def over_time(results: list[PathResult]) -> bytes:
    """Plot PSNR along one path, and PSNR of the moving pixels and MS-SSIM if known."""
    curves: dict[str, Callable[[PictureRow], float | None]] = {
        "PSNR, dB": lambda row: row.psnr_db,
        "PSNR where\nit moves, dB": lambda row: row.moving.db,
        "MS-SSIM": lambda row: row.ms_ssim,
    }
    shown = {
        name: read
        for name, read in curves.items()
        if any(read(row) is not None for result in results for row in result.rows)
    }
    figure = new_figure(9, 0.6 + 2.0 * len(shown))
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, read) in zip(axes, shown.items(), strict=True):
        axis.set_ylabel(name)
        for result in results:
            steps = [row.step for row in result.rows]
            read_all = (read(row) for row in result.rows)
            values = [math.nan if value is None else value for value in read_all]
            label = f"{result.method} ({result.psnr_db:.2f} dB)"
            axis.plot(steps, values, color=COLOURS.get(result.method, OTHER), label=label)
    axes[-1].set_xlabel("picture of the path")
    for axis in axes:
        style(axis)
    axes[0].legend(
        frameon=False, fontsize=8, ncols=min(len(results), 4),
        loc="lower left", bbox_to_anchor=(0, 1),
    )  # fmt: skip
    return png(figure)


def over_sphere(spheres: list[SphereResult], paths: dict[str, list[tuple[float, float]]]) -> bytes:
    """Draw maps of each method's error over the sphere, with the paths (yaw and pitch, degrees)."""
    columns = min(2, len(spheres))
    rows = math.ceil(len(spheres) / columns)
    figure = new_figure(4.8 * columns + 0.8, 2.5 * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False)
    maps = [np.array(sphere.error) for sphere in spheres]
    quality = [-10 * np.log10(np.maximum(cells, 1e-7)) for cells in maps]
    low, high = (float(f(np.percentile(q, p) for q in quality)) for f, p in ((min, 2), (max, 98)))
    image = None
    for axis, sphere, cells in zip(axes.flat, spheres, quality, strict=False):
        image = axis.imshow(
            cells, extent=(-180, 180, -90, 90), vmin=low, vmax=high, cmap="viridis", aspect="equal"
        )
        for number, looks in enumerate(paths.values()):
            _draw_path(axis, looks, ("white", "#ffb3c1", "#ffe08a", "#b8f2e6")[number % 4])
        axis.set_title(f"{sphere.method}: WS-PSNR {mean(sphere.ws_psnr_db):.2f} dB", fontsize=9)
        axis.set_xticks(range(-180, 181, 90))
        axis.set_yticks((-90, -45, 0, 45, 90))
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(spheres) :]:
        axis.set_visible(False)
    if image is not None:
        figure.colorbar(image, ax=axes, label="PSNR, dB", shrink=0.8)
    return png(figure)


def speed_and_memory(evaluation: Evaluation) -> bytes:
    """Draw pictures per second and peak memory, one bar per method."""
    speeds = evaluation.speeds
    figure = new_figure(9, 0.5 + 0.42 * len(speeds))
    left, right = figure.subplots(1, 2, sharey=True)
    names = [speed.name for speed in speeds]
    bars = [COLOURS.get(name, OTHER) for name in names]
    for axis, values, label, form in (
        (left, [s.fps for s in speeds], "pictures decoded a second", "{:.1f}"),
        (right, [s.memory_bytes / 2**20 for s in speeds], "peak memory, MiB", "{:.0f}"),
    ):
        container = axis.barh(names, values, color=bars, height=0.62)
        axis.bar_label(container, [form.format(v) for v in values], padding=3, fontsize=8)
        axis.set_xlabel(label)
        axis.set_xlim(0, max([*values, 1e-9]) * 1.18)
        style(axis)
        axis.grid(visible=False, axis="y")
    left.invert_yaxis()
    return png(figure)


def _draw_path(axis: Axes, looks: list[tuple[float, float]], colour: str) -> None:
    """Draw the path as one line, repeated wherever it crosses ±180°."""
    yaw = np.unwrap([look[0] for look in looks], period=360)
    pitch = [look[1] for look in looks]
    first, last = math.floor((yaw.min() + 180) / 360), math.floor((yaw.max() + 180) / 360)
    for turn in range(first, last + 1):
        axis.plot(yaw - 360 * turn, pitch, color=colour, linewidth=1.1)
        axis.plot(yaw[:1] - 360 * turn, pitch[:1], "o", color=colour, markersize=3)
    axis.set_xlim(-180, 180)
