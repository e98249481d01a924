"""``nerv360 bench --table 2``: the paper's ablations, trained briefly on a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.options import device_option, for_option, say_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from nerv360.lab.benchmarks import Ablation, Variant
    from nerv360.training import StepReport
    from nerv360.video import Clip


def bench_table2(
    read: Callable[[], Clip],
    preset: str | None,
    scale_text: str,
    device: str,
    epochs: int | None,
    frame_limit: int | None,
    seed_count: int | None,
) -> tuple[dict[str, Any], bool]:
    """Train, print, and return the content of the JSON and whether it has all rows."""
    from rich.console import Console

    from nerv360.lab.benchmarks import (
        TABLE2_EPOCHS,
        TABLE2_SEEDS,
        brief_training,
        check_training_memory,
        machine_facts,
        parse_scale,
        scaled,
        table2_variants,
        train_variants,
    )
    from nerv360.training import read_clip, training_preset
    from nerv360.viewer.commands.terminal import StopOnInterrupt

    with for_option("--scale"):
        scale = parse_scale(scale_text)
    chosen = device_option(device)
    name = preset or ("demo" if chosen.type == "cpu" else "paper")
    with for_option("--preset"):
        config, settings = training_preset(name, "nerv360")
    base, settings = scaled(config, scale), brief_training(settings, epochs or TABLE2_EPOCHS)
    clip = read()
    say_notes(clip)
    info = clip.info
    count = min(info.frames, frame_limit or info.frames)
    with for_option("--scale"):
        check_training_memory(base, count, chosen)
    frames = read_clip(clip, (base.frame_height, base.frame_width), frame_limit)
    rows = table2_variants(base)
    seeds = [settings.seed + k for k in range(seed_count or TABLE2_SEEDS)]
    results: list[Ablation] = []
    console = Console()
    count_all = len(rows) * len(seeds) * settings.epochs * len(frames)
    with StopOnInterrupt() as stop, stage("training", count_all) as shown:

        def show(variant: Variant, step: StepReport) -> None:
            shown.describe(f"{variant.name}, loss {step.loss:.2f}")
            shown.advance()

        for result in train_variants(rows, settings, frames, chosen, seeds, show, stop):
            results.append(result)
            if not console.is_terminal:
                print(f"{result.name}: {_with_spread(result.psnr_db)} dB", flush=True)
    report = {
        "table": 2,
        "preset": name,
        "scale": str(scale),
        **machine_facts(chosen),
        "clip": clip.path.name,
        "frames": len(frames),
        "frame": [base.frame_height, base.frame_width],
        "viewport": [base.viewport_height, base.viewport_width],
        "training": settings.to_dict(),
        "seeds": seeds,
        "complete": len(results) == len(rows),
        "rows": [result.to_dict() for result in results],
    }
    _print(console, report)
    return report, len(results) == len(rows)


def _print(console: Console, report: dict[str, Any]) -> None:
    from nerv360.lab.benchmarks import differences, facts_line
    from nerv360.viewer.commands.terminal import plain_table

    rows, training = report["rows"], report["training"]
    height, width = report["frame"]
    console.print(
        f"Table 2, preset {report['preset']} at {report['scale']} of the sides ({width}x{height}), "
        f"{training['epochs']} epochs of {report['frames']} frames of {escaped(report['clip'])}",
        facts_line(report),
        sep="\n",
        highlight=False,
        markup=False,
    )
    size: list[list[str]] = []
    quality: list[list[str]] = []
    paper: list[list[str]] = []
    for row in rows:
        base, name = rows[0], row["name"]
        embedding = "x".join(str(side) for side in row["embedding"])
        parameters, flops = f"{row['parameters'] / 1e6:.3f} M", f"{row['flops'] / 1e9:.2f}"
        cost = [f"{row['steps']:,}", f"{row['seconds']:.0f}"]
        size.append([name, embedding, parameters, flops, *cost])
        measured, published = [name], [name]
        for key in ("psnr_db", "moving_db"):
            less = _with_spread(differences(row[key], base[key]), "+")
            measured += [_with_spread(row[key]), less if row is not base else ""]
        for key in ("paper_vp0_db", "paper_vp1_db"):
            less = f"{row[key] - base[key]:+.2f}" if row is not base else ""
            published += [f"{row[key]:.2f}", less]
        quality.append(measured)
        paper.append(published)
    for head, lines in (
        (["", "embedding", "parameters", "GFLOP", "steps", "seconds"], size),
        (["", "PSNR dB", "difference", "moving dB", "difference"], quality),
        (["", "paper VP0", "difference", "paper VP1", "difference"], paper),
    ):
        console.print(plain_table(head, lines))
    seeds = ", ".join(str(seed) for seed in report["seeds"])
    console.print(
        f"Mean ± standard deviation over the trainings from the seeds {seeds}; differences are "
        f"those of equal seeds. PSNR of {training['held_out']} held-out looks over the whole "
        f"sphere after the last epoch, and of the pixels that move in them; seconds of one "
        f"training. Every variant keeps the widths. Paper: 17.6 M parameters, 300 epochs, Balboa."
    )
    if not report["complete"]:
        console.print(f"stopped early: {len(rows)} of 7 variants are finished")


def _with_spread(values: Sequence[float | None], sign: str = "") -> str:
    from nerv360.lab.benchmarks import mean_and_spread

    found = mean_and_spread(values)
    if found is None:
        return "–"
    spread = f" ± {found[1]:.2f}" if len(values) > 1 else ""
    return f"{found[0]:{sign}.2f}{spread}"
