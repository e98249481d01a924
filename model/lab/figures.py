"""Figures of the lab: one palette, one style, and PNGs in memory."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {
    "nerv360": "#0b6e99",
    "hnerv": "#d1495b",
    "hnerv-boost": "#edae49",
    "hnerv crops": "#e59aa5",
    "hnerv-boost crops": "#f6d9a1",
    "x265": "#66a182",
    "av1": "#6c4f9e",
}
"""By architecture, in crops of looks too, or codec."""
OTHER = "#444444"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches."""
    return Figure(dpi=110, figsize=(width, height), layout="constrained")


def style(axis: Axes) -> None:
    """Give ``axis`` a grey grid and no frame."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG that depends on its content only."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
