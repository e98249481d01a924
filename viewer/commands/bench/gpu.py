"""``nerv360 bench gpu``: all that nobody has measured on a GPU yet, in one report."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.viewer.commands.options import Device, for_option, within


def gpu(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Folder of the report; an existing one is continued."),
    ] = Path("gpu-report"),
    rehearse: Annotated[
        bool,
        typer.Option(
            "--rehearse", help="Every step in small, on any machine, to see whether they work."
        ),
    ] = False,
    preset: Annotated[
        str | None, typer.Option(help="Preset of the three decoders: paper or demo.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="This fraction of the sides, such as 1/8; 1 by default.")
    ] = None,
    pictures: Annotated[
        int | None, typer.Option(help="Pictures of each engine, 300 by default.", min=3)
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="No step begins later than this.", callback=within(0.1, 1440))
    ] = 10.0,
    device: Device = "auto",
) -> None:
    """Measure on a GPU what nobody has yet, beside predictions and the paper's numbers.

    Each step has a process of its own, and is written to the folder as soon as it is done: JSON, a
    Markdown table and screenshots. After a stop, the same command continues.
    """
    from nerv360.lab.benchmarks import comparison, parse_scale
    from nerv360.viewer.commands.gpu_report import (
        PAPER,
        REHEARSAL,
        machine,
        prepare_folder,
        report_gpu,
    )

    plan = REHEARSAL if rehearse else PAPER
    plan = replace(
        plan,
        preset=preset or plan.preset,
        scale=scale or plan.scale,
        pictures=pictures or plan.pictures,
    )
    with for_option("--scale"):
        fraction: Fraction = parse_scale(plan.scale)
    with for_option("--preset"):
        comparison(plan.preset, fraction)
    if output.exists() and not output.is_dir():
        raise InputError(f"-o {output} is a file: name a folder")
    with for_option("--device"), stage("looking at the machine"):
        facts = machine(plan, device)
    with for_option("-o"):
        prepare_folder(output)
        complete = report_gpu(output, plan, facts, minutes, _tell)
    _tell(f"The report is {output / 'report.md'}, and {output / 'report.json'} as JSON")
    if not complete:
        raise typer.Exit(1)


def _tell(line: str) -> None:
    print(line, flush=True)
