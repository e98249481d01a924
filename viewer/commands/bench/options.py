"""Options that several commands of ``bench`` share, and the files that they write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from nerv360.errors import InputError
from nerv360.viewer.commands.options import check_output, clip_option, say_notes, write_output

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from nerv360.lab.benchmarks import Report
    from nerv360.video import Clip

AnyReport = TypeVar("AnyReport", bound="Report")

TrainingClip = Annotated[
    Path, typer.Argument(metavar="CLIP", help="360° video, photo or folder of pictures.")
]
Preset = Annotated[str, typer.Option(help="paper or demo.")]
TrainingPreset = Annotated[
    str | None, typer.Option(help="paper, the default on a GPU, or demo, the default on a CPU.")
]
Scale = Annotated[str, typer.Option(help="This fraction of the sides, such as 1/8.")]
Epochs = Annotated[int, typer.Option(help="Passes over the clip.", min=1)]
Frames = Annotated[int | None, typer.Option(help="Use only the first frames.", min=1)]
Pictures = Annotated[int, typer.Option(help="Pictures of each measurement.", min=3)]
AtMost = Annotated[int, typer.Option(help="Pictures of each measurement, at most.", min=3)]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="PNG", help="Also draw the results.")]
Results = Annotated[
    Path | None, typer.Option("-o", "--output", help="Also write the results as JSON.")
]


def check_files(output: Path | None, overwrite: bool, plot: Path | None = None) -> None:
    """Check that the results may be written.

    Raises:
        InputError: a file may not be replaced or cannot be written, or the plot is no PNG.
    """
    if output is not None:
        check_output(output, overwrite)
    if plot is not None:
        check_output(plot, overwrite, "--plot")
        if plot.suffix.lower() != ".png" or plot == output:
            raise InputError(f"--plot {plot}: name a file of its own that ends in .png")


def write_and_print(
    report: AnyReport,
    show: Callable[[Console, AnyReport], None],
    output: Path | None,
    plot: Path | None = None,
    draw: Callable[[], bytes] = bytes,
) -> None:
    """Write the report as JSON and what ``draw`` returns as a PNG, if wanted; then print it.

    A report that cannot be printed is written, and one that cannot be written is printed.

    Raises:
        InputError: a file cannot be written.
    """
    from nerv360.viewer.commands.terminal import console

    try:
        if output is not None:
            write_output("-o", output, f"{json.dumps(report.to_dict(), indent=2)}\n".encode())
        if plot is not None:
            write_output("--plot", plot, draw())
    finally:
        show(console(), report)


def print_head(console: Console, report: Report, *lines: str) -> None:
    """Print lines and the origin of a report above its tables."""
    console.print(*lines, str(report.facts), sep="\n")


def training_preset_option(preset: str | None, device: torch.device) -> str:
    """Return the preset to train: on a GPU by default the paper's, otherwise the demo's."""
    return preset or ("demo" if device.type == "cpu" else "paper")


def training_clip(path: Path, eye: str, raw: str | None, limit: int | None) -> tuple[Clip, int]:
    """Open the clip, print its notes, and return it with the number of frames to use.

    Raises:
        InputError: it cannot be opened.
    """
    clip = clip_option(path, eye, raw)
    say_notes(clip)
    return clip, min(clip.info.frames, limit or clip.info.frames)
