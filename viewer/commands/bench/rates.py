"""``nerv360 bench rates``: quality against bytes, networks beside codecs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.bench.options import (
    Epochs,
    Frames,
    Plot,
    Results,
    Scale,
    TrainingClip,
    TrainingPreset,
    check_files,
    print_head,
    training_clip,
    training_preset_option,
    write_and_print,
)
from nerv360.viewer.commands.options import Device, Eye, Overwrite, Raw, device_option, for_option
from nerv360.viewer.process_end import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from rich.console import Console

    from nerv360.config import ModelConfig
    from nerv360.lab.rates import RateCurve, RateDifference, RatePoint, RatesReport
    from nerv360.training import TrainingSettings
    from nerv360.video import Clip

PATHS = ("balboa-vp0", "brancastle-vp0", "broadway-vp0", "landing-vp0")
"""The first of JVET's paths for each of its sequences."""
_APART = {
    "below": "are all below x265's",
    "above": "are all above x265's",
    "flat": "are too close to each other to compare",
}


def rates(
    clip: TrainingClip,
    preset: TrainingPreset = None,
    scale: Scale = "1",
    epochs: Epochs = 10,
    frames: Frames = None,
    device: Device = "auto",
    eye: Eye = "left",
    raw: Raw = None,
    output: Results = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
) -> None:
    """Train all networks on a clip and encode it by x265 and AV1, for quality against bytes.

    Quality is measured along gaze paths. After Ctrl-C, the finished methods are printed.
    """
    check_files(output, overwrite, plot)
    from nerv360.lab import benchmarks
    from nerv360.lab.rates import RatesReport, compared, draw_rates, scaled_presets

    with for_option("--scale"):
        fraction = benchmarks.parse_scale(scale)
    chosen = device_option(device)
    name = training_preset_option(preset, chosen)
    with for_option("--preset"):
        configs, presets = scaled_presets(name, fraction)
    trainings = {each: benchmarks.brief_training(s, epochs) for each, s in presets.items()}
    opened, count = training_clip(clip, eye, raw, frames)
    with for_option("--scale"):
        for config in configs.values():
            benchmarks.check_training_memory(config, count, chosen)
    base = configs["nerv360"]
    methods, rows = _measured(opened, configs, trainings, chosen, frames)
    report = RatesReport(
        facts=benchmarks.machine_facts(chosen),
        preset=name,
        scale=str(fraction),
        clip=opened.path.name,
        frames=count,
        fps=opened.info.fps,
        frame=(base.frame_height, base.frame_width),
        viewport=(base.viewport_height, base.viewport_width),
        hfov_deg=base.hfov_deg,
        paths=list(PATHS),
        epochs=epochs,
        methods=methods,
        complete=len(rows) == len(methods),
        rows=compared(rows),
    )
    write_and_print(report, _print, output, plot, lambda: draw_rates(report.rows))
    if not report.complete:
        raise typer.Exit(INTERRUPTED)


def _measured(
    clip: Clip,
    configs: Mapping[str, ModelConfig],
    trainings: Mapping[str, TrainingSettings],
    device: torch.device,
    limit: int | None,
) -> tuple[list[str], list[RateCurve]]:
    """Return the names of all methods, and the results of those that were finished."""
    from nerv360.lab.evaluation import CODECS
    from nerv360.lab.rates import (
        PathBench,
        measure_rates,
        network_variants,
        planned_units,
        prepared_clip,
    )
    from nerv360.training import read_clip
    from nerv360.trajectories import read_trajectory
    from nerv360.video import open_clip
    from nerv360.viewer.commands.terminal import StopOnInterrupt

    base = configs["nerv360"]
    rows: list[RateCurve] = []
    frame = (base.frame_height, base.frame_width)
    viewport = (base.viewport_height, base.viewport_width)
    with (
        tempfile.TemporaryDirectory() as folder,
        StopOnInterrupt() as stop,
        stage("reading the clip") as shown,
    ):
        file = Path(folder) / f"{clip.path.stem or 'clip'}.mp4"
        prepared_clip(clip, frame, limit, file)
        paths = [read_trajectory(f"jvet:{path}") for path in PATHS]
        bench = PathBench(file, viewport, base.hfov_deg, paths)
        frames = read_clip(open_clip(file), frame)
        variants = network_variants(configs, trainings, frames)
        shown.become("measuring", 0, planned_units(bench, variants))

        def show(label: str) -> None:
            shown.describe(label)
            shown.advance()

        for curve in measure_rates(bench, variants, frames, device, show, stop):
            rows.append(curve)
            if not sys.stdout.isatty():
                best = max(curve.points, key=lambda point: point.psnr_db)
                print(f"{curve.title}: {best.bytes:,} bytes, {best.psnr_db:.2f} dB", flush=True)
    return [*CODECS, *(variant.name for variant in variants)], rows


def _print(console: Console, report: RatesReport) -> None:
    from nerv360.lab.rates import METRICS, verdicts
    from nerv360.viewer.commands.terminal import plain_table

    rows, (height, width) = report.rows, report.frame
    print_head(
        console,
        report,
        f"Rates, preset {report.preset} at {report.scale} of the sides ({width}x{height}), "
        f"{report.frames} frames of {escaped(report.clip)}",
    )
    points = [
        ["" if number else row.title, *_point(point)]
        for row in rows
        for number, point in enumerate(row.points)
    ]
    costs = [
        [
            row.title,
            "–" if row.parameters is None else f"{row.parameters / 1e6:.3f} M",
            "–" if row.steps is None else f"{row.steps:,}",
            f"{row.seconds:.0f}",
            *(_difference(row.rate_difference[metric]) for metric in METRICS),
        ]
        for row in rows
    ]
    head = ["", "", "kB", "PSNR dB", "moving dB"]
    console.print(plain_table(head, points))
    head = ["bytes at equal quality", "parameters", "steps", "seconds", *METRICS.values()]
    console.print(plain_table(head, costs))
    for line in [*verdicts(rows), *_apart(rows), *_notes(report)]:
        console.print(line)
    if not report.complete:
        wanted = len(report.methods)
        console.print(f"stopped early: {len(rows)} of {wanted} methods are finished")


def _point(point: RatePoint) -> list[str]:
    moving = "–" if point.moving_db is None else f"{point.moving_db:.2f}"
    return [point.setting, f"{point.bytes / 1000:.1f}", f"{point.psnr_db:.2f}", moving]


def _difference(difference: RateDifference | None) -> str:
    from nerv360.lab.rates import in_words

    if difference is None:
        return "–"
    return difference.apart if difference.percent is None else in_words(difference.percent)


def _apart(rows: list[RateCurve]) -> list[str]:
    """Return a line for each method and metric whose qualities do not overlap with x265's."""
    from nerv360.lab.rates import METRICS

    return [
        f"{row.title}, {where}: {difference.low_db:.2f} to {difference.high_db:.2f} dB "
        f"{_APART[difference.apart]}; no percentage."
        for row in rows
        for metric, where in METRICS.items()
        if (difference := row.rate_difference[metric]) is not None and difference.percent is None
    ]


def _notes(report: RatesReport) -> list[str]:
    height, width = report.viewport
    codecs = [row.note for row in report.rows if row.architecture is None]
    lines = [
        f"Bytes of the whole file: of a decoder alone with its still panorama, map of motion and "
        f"header; of codecs with their container. PSNR is the mean over {width}x{height} viewports "
        f"along {len(report.paths)} gaze paths ({', '.join(report.paths)}), moving that of "
        f"all their pixels that leave the clip's temporal median. Every method learns or encodes "
        f"the same resized pictures in 4:2:0, and is held against them.",
        f"Each network is trained once, for {report.epochs} epochs, and stored at several "
        f"precisions: levels of embeddings, and bits of weights. Percentages are Bjøntegaard's: "
        f"bytes against x265's at equal quality, over the qualities that both reach, which "
        f"are not the same for every method.",
    ]
    return [*lines, *([f"Codecs: {'; '.join(codecs)}."] if codecs else [])]
