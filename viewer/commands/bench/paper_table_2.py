"""``nerv360 bench paper-table-2``: the paper's ablations, trained briefly on a clip."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.bench.options import (
    Epochs,
    Frames,
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
    from collections.abc import Sequence

    import torch
    from rich.console import Console

    from nerv360.lab.benchmarks import Ablation, Table2, Variant
    from nerv360.training import ClipFrames, StepReport, TrainingSettings


def paper_table_2(
    clip: TrainingClip,
    preset: TrainingPreset = None,
    scale: Scale = "1",
    epochs: Epochs = 5,
    frames: Frames = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each variant.", min=1, max=100)] = 3,
    device: Device = "auto",
    eye: Eye = "left",
    raw: Raw = None,
    output: Results = None,
    overwrite: Overwrite = False,
) -> None:
    """Train the ablations of the paper's table 2 on a clip.

    The paper's numbers are beside the results. After Ctrl-C, the finished variants are printed.
    """
    check_files(output, overwrite)
    from nerv360.lab import benchmarks
    from nerv360.training import read_clip, training_preset

    with for_option("--scale"):
        fraction = benchmarks.parse_scale(scale)
    chosen = device_option(device)
    name = training_preset_option(preset, chosen)
    with for_option("--preset"):
        config, settings = training_preset(name, "nerv360")
    base = benchmarks.scaled(config, fraction)
    settings = benchmarks.brief_training(settings, epochs)
    opened, count = training_clip(clip, eye, raw, frames)
    with for_option("--scale"):
        benchmarks.check_training_memory(base, count, chosen)
    pictures = read_clip(opened, (base.frame_height, base.frame_width), frames)
    numbers = [settings.seed + k for k in range(seeds)]
    variants = benchmarks.table2_variants(base)
    rows = _trained(variants, settings, pictures, chosen, numbers)
    report = benchmarks.Table2(
        facts=benchmarks.machine_facts(chosen),
        preset=name,
        scale=str(fraction),
        clip=opened.path.name,
        frames=len(pictures),
        frame=(base.frame_height, base.frame_width),
        viewport=(base.viewport_height, base.viewport_width),
        training=settings,
        seeds=numbers,
        complete=len(rows) == len(variants),
        rows=rows,
    )
    write_and_print(report, _print, output)
    if not report.complete:
        raise typer.Exit(INTERRUPTED)


def _trained(
    variants: list[Variant],
    settings: TrainingSettings,
    frames: ClipFrames,
    device: torch.device,
    seeds: list[int],
) -> list[Ablation]:
    """Train until all variants are finished or the user stops; return the finished ones."""
    from nerv360.lab.benchmarks import train_variants
    from nerv360.viewer.commands.terminal import StopOnInterrupt

    results: list[Ablation] = []
    steps = len(variants) * len(seeds) * settings.epochs * len(frames)
    with StopOnInterrupt() as stop, stage("training", steps) as shown:

        def show(variant: Variant, step: StepReport) -> None:
            shown.describe(f"{variant.name}, loss {step.loss:.2f}")
            shown.advance()

        for result in train_variants(variants, settings, frames, device, seeds, show, stop):
            results.append(result)
            if not sys.stdout.isatty():
                print(f"{result.name}: {_with_spread(result.psnr_db)} dB", flush=True)
    return results


def _print(console: Console, report: Table2) -> None:
    from nerv360.lab.benchmarks import differences
    from nerv360.viewer.commands.terminal import plain_table

    rows, (height, width) = report.rows, report.frame
    print_head(
        console,
        report,
        f"Table 2, preset {report.preset} at {report.scale} of the sides ({width}x{height}), "
        f"{report.training.epochs} epochs of {report.frames} frames of {escaped(report.clip)}",
    )
    size: list[list[str]] = []
    quality: list[list[str]] = []
    paper: list[list[str]] = []
    for row in rows:
        base = rows[0]
        embedding = "x".join(str(side) for side in row.embedding)
        parameters, flops = f"{row.parameters / 1e6:.3f} M", f"{row.flops / 1e9:.2f}"
        cost = [f"{row.steps:,}", f"{row.seconds:.0f}"]
        size.append([row.name, embedding, parameters, flops, *cost])
        measured, published = [row.name], [row.name]
        for own, of_base in ((row.psnr_db, base.psnr_db), (row.moving_db, base.moving_db)):
            less = _with_spread(differences(own, of_base), "+")
            measured += [_with_spread(own), less if row is not base else ""]
        for one, first in (
            (row.paper_vp0_db, base.paper_vp0_db),
            (row.paper_vp1_db, base.paper_vp1_db),
        ):
            published += [f"{one:.2f}", f"{one - first:+.2f}" if row is not base else ""]
        quality.append(measured)
        paper.append(published)
    for head, lines in (
        (["", "embedding", "parameters", "GFLOP", "steps", "seconds"], size),
        (["", "PSNR dB", "difference", "moving dB", "difference"], quality),
        (["", "paper VP0", "difference", "paper VP1", "difference"], paper),
    ):
        console.print(plain_table(head, lines))
    console.print(_note(report))
    if not report.complete:
        console.print(f"stopped early: {len(rows)} of 7 variants are finished")


def _note(report: Table2) -> str:
    seeds = ", ".join(str(seed) for seed in report.seeds)
    return (
        f"Mean ± standard deviation over the trainings from the seeds {seeds}; differences are "
        f"those of equal seeds. PSNR of {report.training.held_out} held-out looks over the whole "
        f"sphere after the last epoch, and of the pixels that move in them; seconds of one "
        f"training. Every variant keeps the widths. Paper: 17.6 M parameters, 300 epochs, Balboa."
    )


def _with_spread(values: Sequence[float | None], sign: str = "") -> str:
    from nerv360.lab.benchmarks import mean_and_spread

    found = mean_and_spread(values)
    if found is None:
        return "–"
    spread = f" ± {found[1]:.2f}" if len(values) > 1 else ""
    return f"{found[0]:{sign}.2f}{spread}"
