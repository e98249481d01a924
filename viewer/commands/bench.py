"""``nerv360 bench``: speed and memory of decoders, and the paper's tables measured again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import InputError
from model.files import atomic_write
from viewer.commands.options import Device, check_output, check_range, device_option, for_option

if TYPE_CHECKING:
    import torch

    from model.scene import Decoder


def bench(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SCENE|CLIP]",
            help="Scene file (the demo scene if none is given); for --table 2 and, if you like, "
            "--table 4, a clip.",
        ),
    ] = None,
    table: Annotated[
        int | None,
        typer.Option(
            help="Measure the paper's table 1 (speed, memory) or 2 (ablations) again, or 4: what "
            "one more viewport costs of panoramas of growing size, beside x265 and AV1."
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Tables 1, 2: this fraction of the sides, such as 1/8; 1 by default."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Table 2: passes over the clip, 5 by default.", min=1)
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Table 2: use only the first frames.", min=1)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Table 2: trainings of each variant, 3 by default.", min=1, max=100),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Measure this preset with random weights instead; tables: paper (the default of "
            "table 1, and of table 2 on a GPU) or demo."
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
        Path | None, typer.Option("--plot", help="Table 4: also draw the results, as a PNG.")
    ] = None,
    device: Device = "auto",
    pictures: Annotated[
        int, typer.Option(help="Pictures of each measurement; tables 1, 4: at most.", min=3)
    ] = 50,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the results as JSON.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Measure every engine of a scene's decoders against what the machine could do.

    --table 1 measures encoding, decoding and training of NeRV360, HNeRV and HNeRV-Boost, and
    --table 2 CLIP trains the paper's ablations, both beside the paper's numbers. --table 4 [CLIP]
    measures what panoramas of growing size cost.
    """
    if table not in (None, 1, 2, 4):
        raise InputError(f"--table must be 1, 2 or 4, not {table}")
    if table not in (1, 2) and scale is not None:
        raise InputError("--scale goes with --table 1 or --table 2")
    if table != 2 and any(option is not None for option in (epochs, frames, seeds)):
        raise InputError("--epochs, --frames and --seeds go with --table 2")
    if table != 4 and any(option is not None for option in (sizes, limit, plot)):
        raise InputError("--sizes, --limit and --plot go with --table 4")
    if output is not None:
        check_output(output, overwrite)
    if plot is not None:
        check_output(plot, overwrite, "--plot")
        if plot.suffix.lower() != ".png" or plot == output:
            raise InputError(f"--plot {plot}: name a file of its own that ends in .png")
    if limit is not None:
        check_range("--limit", limit, 1, 86_400)
    if table is None:
        report, complete = _engines(source, preset, device, pictures), True
    elif table == 4:
        from viewer.commands.tables import bench_table4

        report, complete = bench_table4(source, sizes, preset or "demo", device, pictures, limit)
    elif table == 1:
        from viewer.commands.tables import bench_table1

        if source is not None:
            raise InputError("bench --table 1 needs no file: it measures random weights")
        report, complete = bench_table1(preset or "paper", scale or "1", device, pictures), True
    else:
        from viewer.commands.tables import bench_table2

        if source is None:
            raise InputError("bench --table 2 needs a clip to train on: name a video file")
        report, complete = bench_table2(source, preset, scale or "1", device, epochs, frames, seeds)
    if output is not None:
        _write("-o", output, f"{json.dumps(report, indent=2)}\n".encode())
    if plot is not None:
        from model.benchmarks import draw_sizes

        _write("--plot", plot, draw_sizes(report["rows"], processor=report["device"] == "cpu"))
    if not complete:
        raise typer.Exit(130)


def _write(option: str, file: Path, content: bytes) -> None:
    try:
        with atomic_write(file) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(f"{option} {file} cannot be written: {error.strerror}") from error


def _engines(scene: Path | None, preset: str | None, device: str, pictures: int) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import TimeRemainingColumn

    from model.benchmarks import machine_facts, measure_ceilings, measure_engines
    from viewer.commands.terminal import progress_bar

    if scene is not None and preset is not None:
        raise InputError("bench takes either a scene file or --preset NAME")
    chosen = device_option(device)
    decoders = _decoders(scene, preset)
    ceilings = measure_ceilings(chosen)
    console = Console()
    with progress_bar(console, TimeRemainingColumn()) as progress:
        task = progress.add_task("measuring")

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        measured = measure_engines(decoders, chosen, pictures, advance)
    engines = [result.to_dict() for result in measured]
    sizes = {engine["size"] for engine in engines if "failed" not in engine}
    uploads, refusal = _uploads(sorted(sizes), chosen)
    report: dict[str, Any] = {
        **machine_facts(chosen),
        "ceilings": {"gflops": ceilings.gflops, "gbytes_per_s": ceilings.gbytes_per_s},
        "engines": engines,
        "memory": {} if preset else {n: _memory(scene, n, str(chosen)) for n in decoders},
        "uploads": uploads,
    }
    _print(console, report)
    if refusal:
        console.print(f"upload: not measured: {refusal}", soft_wrap=True)
    return report


def _uploads(
    sizes: list[tuple[int, int]], device: torch.device
) -> tuple[list[dict[str, Any]], str | None]:
    """Upload times by size of picture, or none and why."""
    try:
        from viewer.commands.bench_uploads import measure_uploads

        return [asdict(speed) for speed in measure_uploads(sizes, device)], None
    except (InputError, ImportError, OSError, RuntimeError) as error:
        # A server may lack OpenGL's library, and a GPU the memory.
        return [], str(error)


def _decoders(scene: Path | None, preset: str | None) -> dict[str, Decoder]:
    from model.benchmarks import random_decoder
    from model.networks import preset as named_preset
    from model.scene import read_scene
    from viewer.paths import DEMO

    if preset is not None:
        with for_option("--preset"):
            config = named_preset(preset)
        return {config.architecture: random_decoder(config)}
    return read_scene(scene or DEMO).decoders


def _memory(scene: Path | None, decoder: str, device: str) -> dict[str, Any]:
    from model.benchmarks import DecodingTask, WorkerError, measure_decoding
    from viewer.paths import DEMO

    try:
        result = measure_decoding(decoder, DecodingTask(scene or DEMO, decoder, device))
    except WorkerError as error:
        return {"failed": str(error)}
    return {
        "bytes": result.memory_bytes,
        "range": list(result.memory_range),
        "kind": result.memory_kind,
    }


def _looking(timing: dict[str, float] | None) -> tuple[str, str]:
    if timing is None:
        return "–", "–"
    return f"{1000 / timing['median_ms']:.1f}", f"{1000 / timing['slowest_percent_ms']:.1f}"


def _by_flop(engine: dict[str, Any], gflops: dict[str, float]) -> str:
    rate = gflops.get(engine["precision"])  # no product of that precision may have been measured
    return "–" if rate is None else f"{rate * 1e9 / engine['look_flops']:.1f}"


def _print(console: Any, report: dict[str, Any]) -> None:
    from rich.table import Table

    from model.benchmarks import PAPER_FPS, PAPER_GIB, facts_line

    table = Table(title="Decoding, pictures a second", caption=facts_line(report))
    table.add_column("decoder")
    table.add_column("engine")
    for title in ("looking", "1 % low", "playing", "by FLOP", "by bytes"):
        table.add_column(title, justify="right")
    ceilings = report["ceilings"]
    measured = [engine for engine in report["engines"] if "failed" not in engine]
    failed = [engine for engine in report["engines"] if "failed" in engine]
    for engine in report["engines"]:
        if "failed" in engine:
            table.add_row(engine["decoder"], engine["engine"], *5 * ["–"])
            continue
        table.add_row(
            engine["decoder"],
            engine["engine"],
            *_looking(engine["looking"]),
            f"{1000 / engine['playing']['median_ms']:.1f}",
            _by_flop(engine, ceilings["gflops"]),
            f"{ceilings['gbytes_per_s'] * 1e9 / engine['traffic_bytes']:.1f}",
        )
    console.print(table)
    rates = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in ceilings["gflops"].items())
    for engine in failed:
        line = f"{engine['decoder']}, {engine['engine']}: not measured: {engine['failed']}"
        console.print(line, soft_wrap=True, markup=False)
    console.print(
        f"by FLOP: at the rate of a matrix product in the engine's precision in this run "
        f"({rates}), of what every look takes: a frame is expanded once for all. By "
        f"bytes: every convolution's input read and output written once at the "
        f"{ceilings['gbytes_per_s']:.1f} GB/s of a copy."
    )
    for name, (height, width) in {e["decoder"]: e["size"] for e in measured}.items():
        paper = ""
        if name in PAPER_FPS:
            paper = (
                f"; the paper's, a "
                f"{'1920x1080 viewport' if name == 'nerv360' else '6144x3072 frame'}, took an H100 "
                f"{1000 / PAPER_FPS[name]:.0f} ms in {PAPER_GIB[name]} GiB"
            )
        console.print(f"{name}: pictures of {width}x{height}{paper}")
    for engine in measured:
        if engine["stages_ms"]:
            parts = ", ".join(f"{n} {ms:.1f}" for n, ms in engine["stages_ms"].items())
            console.print(f"{engine['decoder']}, eager, ms by stage: {parts}")
        if engine["memory_mib"]:
            sizes = ", ".join(f"{mib:.0f} {n}" for n, mib in engine["memory_mib"].items())
            console.print(f"{engine['decoder']}, {engine['engine']}, peak MiB: {sizes}")
    for name, memory in report["memory"].items():
        if "failed" in memory:
            console.print(memory["failed"], soft_wrap=True, markup=False)
            continue
        low, high = (bytes_ / 2**20 for bytes_ in memory["range"])
        console.print(
            f"{name}: {memory['bytes'] / 2**20:.0f} MiB, {memory['kind']} (median; {low:.0f} to "
            f"{high:.0f})"
        )
    for upload in report["uploads"]:
        height, width = upload["size"]
        console.print(
            f"upload of {width}x{height}: {upload['median_ms']:.2f} ms, {upload['path']}, "
            f"{upload['renderer']}"
        )
