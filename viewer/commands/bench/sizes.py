"""``nerv360 bench sizes``: cost of one more viewport by panorama size."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psutil
import typer

from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.bench.options import (
    AtMost,
    Plot,
    Preset,
    Results,
    check_files,
    print_head,
    training_clip,
    write_and_print,
)
from nerv360.viewer.commands.options import (
    CLIP,
    Device,
    Eye,
    Overwrite,
    Raw,
    device_option,
    for_option,
    within,
)
from nerv360.viewer.process_end import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from rich.console import Console

    from nerv360.config import ModelConfig
    from nerv360.lab.benchmarks import SizeFailure, SizeResult, SizesReport
    from nerv360.video import Clip


def sizes(
    clip: Annotated[
        Path | None, typer.Argument(help=f"Clip of the codecs, {CLIP}; the harbour town if none.")
    ] = None,
    sizes: Annotated[
        str,
        typer.Option(help="Widths of panoramas, up to 16384; three take minutes on two cores."),
    ] = "1024,2048,4096",
    preset: Preset = "demo",
    pictures: AtMost = 50,
    limit: Annotated[
        float,
        typer.Option(
            help="Seconds for one method at one size; what takes longer is left out, saying so.",
            callback=within(1, 86_400),
        ),
    ] = 120.0,
    device: Device = "auto",
    eye: Eye = "left",
    raw: Raw = None,
    output: Results = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure the cost of one more viewport as panoramas grow, by networks, x265 and AV1.

    The networks have random weights. After Ctrl-C, the finished results are printed.
    """
    check_files(output, overwrite, plot)
    from nerv360.lab import benchmarks

    with for_option("--sizes"):
        widths = benchmarks.parse_sizes(sizes)
    with for_option("--preset"):
        benchmarks.sized_configs(preset, [])
    with for_option("--sizes"):
        configs = benchmarks.sized_configs(preset, widths)
    chosen = device_option(device)
    source = None if clip is None else training_clip(clip, eye, raw, None)[0]
    if source is not None:
        next(source.read())
    viewport, load = configs[widths[0]]["nerv360"], psutil.getloadavg()[0]
    rows, complete = _measured(configs, source, chosen, pictures, limit)
    report = benchmarks.SizesReport(
        facts=benchmarks.machine_facts(chosen),
        preset=preset,
        load_average_before=round(load, 2),
        source=source.path.name if source else "harbour town",
        viewport=(viewport.viewport_height, viewport.viewport_width),
        sizes=widths,
        complete=complete,
        rows=rows,
    )

    def draw() -> bytes:
        return benchmarks.draw_sizes(rows, processor=chosen.type == "cpu")

    write_and_print(report, _print, output, plot, draw)
    if not complete:
        raise typer.Exit(INTERRUPTED)


def _measured(
    configs: Mapping[int, Mapping[str, ModelConfig]],
    source: Clip | None,
    device: torch.device,
    pictures: int,
    limit_s: float,
) -> tuple[list[SizeResult | SizeFailure], bool]:
    """Return what is measured until the user stops, and whether it is all."""
    from nerv360.lab.benchmarks import harbour_source, measure_sizes
    from nerv360.video import open_clip

    rows: list[SizeResult | SizeFailure] = []
    with tempfile.TemporaryDirectory() as folder, stage("measuring") as shown:

        def rendered(share: float) -> None:
            shown.become("rendering a picture", round(share * 100), 100)

        try:
            clip = source or open_clip(harbour_source(Path(folder), rendered))
            rows.extend(measure_sizes(configs, clip, device, pictures, limit_s, shown.become))
        except KeyboardInterrupt:
            return rows, False
    return rows, True


def _print(console: Console, report: SizesReport) -> None:
    from nerv360.lab.benchmarks import METHODS, WAYS, SizeFailure
    from nerv360.viewer.commands.terminal import plain_table

    height, width = report.viewport
    title = f"Sizes, preset {report.preset}: one more viewport of {width}x{height}"
    print_head(console, report, title)
    on_cpu = report.facts.device == "cpu"
    for title in ("milliseconds", "milliseconds of one core")[: 1 + on_cpu]:
        lines = _lines(report.measured, processor=title != "milliseconds")
        console.print(plain_table([title, "panorama", *WAYS, "MiB"], lines))
    for row in report.rows:
        if isinstance(row, SizeFailure):
            line = f"{METHODS[row.method]} at {_size(row)}: not measured: {escaped(row.failed)}"
            console.print(line, soft_wrap=True)
    for note in _notes(report):
        console.print(note)
    if not report.complete:
        wanted = len(METHODS) * len(report.sizes)
        console.print(f"stopped early: {len(report.rows)} of {wanted} rows are finished")


def _lines(rows: list[SizeResult], *, processor: bool) -> list[list[str]]:
    """Return the cells of everything measured, method by method."""
    from nerv360.lab.benchmarks import METHODS, WAYS

    lines = []
    for method, title in METHODS.items():
        own = [row for row in rows if row.method == method]
        for number, row in enumerate(own):
            times = [row.times(way).quartiles(processor=processor) for way in WAYS]
            cells = [_milliseconds(median) for _, median, _ in times]
            memory = f"{row.memory_bytes / 2**20:.0f}"
            lines.append(["" if number else title, _size(row), *cells, memory])
    return lines


def _size(row: SizeResult | SizeFailure) -> str:
    return f"{row.frame[1]}x{row.frame[0]}"


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _notes(report: SizesReport) -> list[str]:
    from nerv360.lab.benchmarks import METHODS

    measured = report.measured
    converted = ", ".join(
        f"{METHODS[row.method]} at {row.frame[1]} {_milliseconds(row.converting.quartiles_ms[1])}"
        for row in measured
        if row.converting is not None
    )
    lines = [
        "Medians of all processes' viewports: another look at the same frame, a look at the next "
        "frame, and at a frame anywhere; the time that passes, and the processors' time, of all "
        "threads together. NeRV360 decodes the viewport; the "
        "others decode the whole frame, from which the CPU cuts it: looking is that cut alone; "
        "in crops they decode only what the look sees. "
        "Codecs' frames are turned into RGBA first, as in the viewer's 360 player."
    ]
    if converted:
        lines.append(f"Turning into RGBA alone: {converted} ms.")
    if measured:
        lines.append(
            f"Memory: {measured[0].memory_kind}, median of the processes, which hold this alone."
        )
        told = {row.method: row for row in measured}
        lines.append("; ".join(_program(row) for row in told.values()) + ".")
    lines.append(
        f"Networks have random weights, and embeddings of 30 frames. The viewport stays as it is, "
        f"so NeRV360 samples fewer of a larger embedding's pixels: it would be less sharp than the "
        f"panorama. Codecs' clips: one second of "
        f"{escaped(report.source)} at 30 pictures a second, resized and turning, a keyframe each "
        f"second. The machine's load was {report.load_average_before:g} before."
    )
    return lines


def _program(row: SizeResult) -> str:
    from nerv360.lab.benchmarks import METHODS

    settings = f", encoded by {row.settings}" if row.settings else ""
    return f"{METHODS[row.method]}: {row.program}{settings}"
