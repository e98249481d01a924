"""``nerv360 bench --table 2``: the paper's ablations, trained briefly on a clip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from model.evaluation.ablations import Ablation, Variant
    from model.training.trainer import Progress as Step


def bench_table2(
    clip: Path,
    preset: str | None,
    scale_text: str,
    device: str,
    epochs: int | None,
    frame_limit: int | None,
) -> tuple[dict[str, Any], bool]:
    """Train, print, and return what the JSON holds and whether all rows are in it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from model.devices import choose_device
    from model.evaluation.ablations import EPOCHS, brief, check_memory, train_variants, variants
    from model.evaluation.machine import machine_facts
    from model.evaluation.scales import parse_scale, scaled
    from model.training.frames import FrameStore
    from model.training.presets import training_preset
    from model.video import open_frames
    from viewer.commands.train_progress import StopOnInterrupt

    scale, chosen = parse_scale(scale_text), choose_device(device)
    name = preset or ("demo" if chosen.type == "cpu" else "paper")
    config, settings = training_preset(name, "nerv360")
    base, settings = scaled(config, scale), brief(settings, epochs or EPOCHS)
    info = open_frames(clip).info
    if info.note:
        print(f"{clip}: {info.note}", file=sys.stderr)
    count = min(info.frames, frame_limit or info.frames)
    check_memory(base, count, chosen)
    store = FrameStore(clip, (base.frame_height, base.frame_width), frame_limit)
    rows = variants(base)
    results: list[Ablation] = []
    console = Console()
    with (
        StopOnInterrupt() as stop,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress,
    ):
        task = progress.add_task("", total=len(rows) * settings.epochs * len(store))

        def show(variant: Variant, step: Step) -> None:
            progress.update(task, description=f"{variant.name}, loss {step.loss:.2f}", advance=1)

        for result in train_variants(rows, settings, store, chosen, show, stop):
            results.append(result)
            if not console.is_terminal:
                print(f"{result.name}: {result.psnr_db:.2f} dB", flush=True)
    report = {
        "table": 2,
        "preset": name,
        "scale": str(scale),
        **machine_facts(chosen),
        "clip": clip.name,
        "frames": len(store),
        "frame": [base.frame_height, base.frame_width],
        "viewport": [base.viewport_height, base.viewport_width],
        "training": settings.to_dict(),
        "complete": len(results) == len(rows),
        "rows": [result.to_dict() for result in results],
    }
    _print(console, report)
    return report, len(results) == len(rows)


def _print(console: Console, report: dict[str, Any]) -> None:
    from rich.table import Table

    from model.evaluation.machine import facts_line

    rows, training = report["rows"], report["training"]
    height, width = report["frame"]
    title = (
        f"Table 2, preset {report['preset']} at {report['scale']} of the sides ({width}x{height}), "
        f"{training['epochs']} epochs of {report['frames']} frames of {report['clip']}"
    )
    table = Table(title=title, caption=facts_line(report))
    for column in ("variant", "embedding"):
        table.add_column(column)
    for column in ("parameters", "PSNR dB", "±", "paper VP0", "±", "paper VP1", "±"):
        table.add_column(column, justify="right")
    keys = ("psnr_db", "paper_vp0_db", "paper_vp1_db")
    for row in rows:
        numbers = []
        for key in keys:
            numbers += [f"{row[key]:.2f}", f"{row[key] - rows[0][key]:+.2f}"]
        numbers[1::2] = numbers[1::2] if row is not rows[0] else [""] * len(keys)
        embedding = "x".join(str(side) for side in row["embedding"])
        table.add_row(row["name"], embedding, f"{row['parameters'] / 1e6:.3f} M", *numbers)
    console.print(table)
    console.print(
        f"PSNR of {training['held_out']} held-out looks over the whole sphere after the last "
        f"epoch, seed {training['seed']}; paper: 17.6 M parameters, 300 epochs, Balboa."
    )
    if not report["complete"]:
        console.print(f"stopped early: {len(rows)} of 7 variants are finished")
