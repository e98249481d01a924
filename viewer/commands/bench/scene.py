"""``nerv360 bench [SCENE]``: speed and memory of decoders, and the paper's tables."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.viewer.commands.options import Device, Eye, Raw, check_output, check_range, clip_option


def scene(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SCENE|CLIP",
            help="Scene file; the demo scene if none is given. A clip for --table 2 and 3, and, "
            "if you like, 4.",
        ),
    ] = None,
    table: Annotated[
        int | None,
        typer.Option(
            help="1: the paper's table 1 (speed, memory); 2: its table 2 (ablations); beside x265 "
            "and AV1, 3: quality against bytes; 4: the cost of one more viewport as panoramas grow."
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Tables 1 to 3: this fraction of the sides, such as 1/8; 1 by default."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Tables 2, 3: passes over the clip, 5 and 10 by default.", min=1),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Tables 2, 3: use only the first frames.", min=1)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Table 2: trainings of each variant, 3 by default.", min=1, max=100),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Measure this preset with random weights instead of a scene. For tables, paper "
            "(the default of table 1, and of 2 and 3 on a GPU) or demo."
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Table 4: widths of panoramas, 1024,2048,4096 by default (some minutes on two "
            "cores); up to 16384."
        ),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            help="Table 4: seconds for one method at one size, 120 by default; what takes longer "
            "is left out, saying so."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Tables 3, 4: also draw the results, as a PNG.")
    ] = None,
    device: Device = "auto",
    pictures: Annotated[
        int, typer.Option(help="Pictures of each measurement; tables 1, 4: at most.", min=3)
    ] = 50,
    eye: Eye = "left",
    raw: Raw = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the results as JSON.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Measure every engine of a scene's decoders against what the machine could do.

    --table 1 measures encoding, decoding and training of NeRV360, HNeRV and HNeRV-Boost, and
    --table 2 CLIP trains the paper's ablations, both beside the paper's numbers. --table 3 CLIP
    trains all networks and encodes the clip, for quality against bytes. --table 4 [CLIP] measures
    the cost of one more viewport as panoramas grow. `nerv360 bench gpu` measures a GPU.
    """
    if table not in (None, 1, 2, 3, 4):
        raise InputError(f"--table must be 1, 2, 3 or 4, not {table}")
    if table not in (1, 2, 3) and scale is not None:
        raise InputError("--scale goes with --table 1, --table 2 or --table 3")
    if table not in (2, 3) and any(option is not None for option in (epochs, frames)):
        raise InputError("--epochs and --frames go with --table 2 or --table 3")
    if table != 2 and seeds is not None:
        raise InputError("--seeds goes with --table 2")
    if table != 4 and any(option is not None for option in (sizes, limit)):
        raise InputError("--sizes and --limit go with --table 4")
    if table not in (3, 4) and plot is not None:
        raise InputError("--plot goes with --table 3 or --table 4")
    if table in (2, 3) and source is None:
        raise InputError(f"bench --table {table} needs a clip to train on: name a video file")
    if output is not None:
        check_output(output, overwrite)
    if plot is not None:
        check_output(plot, overwrite, "--plot")
        if plot.suffix.lower() != ".png" or plot == output:
            raise InputError(f"--plot {plot}: name a file of its own that ends in .png")
    read = partial(clip_option, source, eye, raw) if source is not None else None
    if limit is not None:
        check_range("--limit", limit, 1, 86_400)
    if table is None:
        from nerv360.viewer.commands.tables import bench_engines

        report, complete = bench_engines(source, preset, device, pictures), True
    elif table == 4:
        from nerv360.viewer.commands.tables import bench_table4

        report, complete = bench_table4(read, sizes, preset or "demo", device, pictures, limit)
    elif table == 1:
        from nerv360.viewer.commands.tables import bench_table1

        if source is not None:
            raise InputError("bench --table 1 needs no file: it measures random weights")
        report, complete = bench_table1(preset or "paper", scale or "1", device, pictures), True
    else:
        from nerv360.viewer.commands.tables import bench_table2, bench_table3

        assert read is not None
        scale = scale or "1"
        if table == 2:
            report, complete = bench_table2(read, preset, scale, device, epochs, frames, seeds)
        else:
            report, complete = bench_table3(read, preset, scale, device, epochs, frames)
    if output is not None:
        _write("-o", output, f"{json.dumps(report, indent=2)}\n".encode())
    if plot is not None:
        _write("--plot", plot, _drawn(report))
    if not complete:
        raise typer.Exit(130)


def _drawn(report: dict[str, Any]) -> bytes:
    if report["table"] == 3:
        from nerv360.lab.rates import draw_rates

        return draw_rates(report["rows"])
    from nerv360.lab.benchmarks import draw_sizes

    return draw_sizes(report["rows"], processor=report["device"] == "cpu")


def _write(option: str, file: Path, content: bytes) -> None:
    try:
        with atomic_write(file) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(f"{option} {file} cannot be written: {error.strerror}") from error
