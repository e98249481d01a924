"""``nerv360 bench engines``: every engine of a scene's decoders, beside the machine's limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError, UnavailableError
from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.bench.options import Pictures, Results, check_files, write_and_print
from nerv360.viewer.commands.options import (
    Device,
    Overwrite,
    SceneFile,
    device_option,
    for_option,
)

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from nerv360.decoding import Engine
    from nerv360.lab.benchmarks import (
        Ceilings,
        DecoderMemory,
        EngineFailure,
        EngineReport,
        EngineResult,
        MemoryFailure,
        Timing,
        UploadSpeed,
    )
    from nerv360.scene import Decoder


def engines(
    scene: SceneFile = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Measure this preset with random weights instead of a scene."),
    ] = None,
    pictures: Pictures = 50,
    device: Device = "auto",
    output: Results = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure every engine of a scene's decoders against what the machine could do."""
    check_files(output, overwrite)
    if scene is not None and preset is not None:
        raise InputError("bench engines takes either a scene file or --preset NAME")
    from nerv360.lab import benchmarks
    from nerv360.viewer.paths import DEMO

    chosen, file = device_option(device), scene or DEMO
    decoders = _decoders(file, preset)
    with stage("measuring the machine"):
        ceilings = benchmarks.measure_ceilings(chosen)
    with stage(label := "measuring every engine") as shown, _graphics():
        measured = benchmarks.measure_engines(
            benchmarks.beside_crops(decoders), chosen, pictures, partial(shown.become, label)
        )
    uploads, refusal = _uploads(measured, chosen)
    report = benchmarks.EngineReport(
        facts=benchmarks.machine_facts(chosen),
        ceilings=ceilings,
        engines=measured,
        memory={} if preset else {name: _memory(file, name, str(chosen)) for name in decoders},
        uploads=uploads,
    )
    write_and_print(report, partial(_print, refusal=refusal), output)


@contextlib.contextmanager
def _graphics() -> Iterator[None]:
    """Let the gl engine be measured inside; without graphics its rows say so.

    Graphics begin with the first gl engine: measuring may load torch's compilers, which end a
    process that already has OpenGL in software.
    """
    from nerv360.decoding import draw_by
    from nerv360.viewer.commands.hidden_graphics import hidden_graphics
    from nerv360.viewer.shading import DRAWER

    with contextlib.ExitStack() as stack:

        @cache
        def refusal() -> str | None:
            try:
                stack.enter_context(hidden_graphics(reads=False, software=False))
            except InputError:
                return "there is no display with OpenGL 3.3 to draw on"
            return None

        def open_engine(decoder: Decoder, size: tuple[int, int]) -> Engine:
            if (reason := refusal()) is not None:
                raise UnavailableError(reason)
            return DRAWER.open(decoder, size)

        draw_by(open_engine)
        stack.callback(draw_by, None)
        yield


def _uploads(
    measured: Sequence[EngineResult | EngineFailure], device: torch.device
) -> tuple[list[UploadSpeed], str | None]:
    """Return upload times by size of picture, or none and the reason."""
    from nerv360.lab.benchmarks import EngineResult

    sizes = {engine.size for engine in measured if isinstance(engine, EngineResult)}
    try:
        from nerv360.viewer.commands.bench_uploads import measure_uploads

        return measure_uploads(sorted(sizes), device), None
    except (InputError, ImportError, OSError, RuntimeError) as error:
        # A server may lack OpenGL's library; a GPU may lack memory.
        return [], str(error)


def _decoders(scene: Path, preset: str | None) -> dict[str, Decoder]:
    from nerv360.lab.benchmarks import random_decoder
    from nerv360.networks import preset as named_preset
    from nerv360.scene import read_scene

    if preset is None:
        return read_scene(scene, chapter=0).decoders
    with for_option("--preset"):
        config = named_preset(preset)
    return {config.architecture: random_decoder(config)}


def _memory(scene: Path, decoder: str, device: str) -> DecoderMemory | MemoryFailure:
    from nerv360.lab import benchmarks
    from nerv360.lab.worker import WorkerError

    task = benchmarks.DecodingTask(scene, decoder, device)
    try:
        result = benchmarks.measure_decoding(decoder, task)
    except WorkerError as error:
        return benchmarks.MemoryFailure(str(error))
    return benchmarks.DecoderMemory(result.memory_bytes, result.memory_range, result.memory_kind)


def _looking(timing: Timing | None) -> tuple[str, str]:
    if timing is None:
        return "–", "–"
    return f"{timing.fps:.1f}", f"{1000 / timing.slowest_percent_ms:.1f}"


def _floors(engine: EngineResult, ceilings: Ceilings) -> tuple[str, str]:
    """Return floors by FLOP and by bytes; the machine's ceilings are not the renderer's."""
    if engine.engine == "gl":
        return "–", "–"
    by_bytes = f"{ceilings.gbytes_per_s * 1e9 / engine.traffic_bytes:.1f}"
    # No matrix product of that precision may have been measured.
    rate = ceilings.gflops.get(engine.precision)
    return "–" if rate is None else f"{rate * 1e9 / engine.look_flops:.1f}", by_bytes


def _failures(engines: list[EngineResult | EngineFailure]) -> list[str]:
    """Return lines that say why engines are not measured; a reason common to all decoders once."""
    from nerv360.lab.benchmarks import EngineFailure

    lines = []
    for engine in engines:
        if not isinstance(engine, EngineFailure):
            continue
        rows = [each for each in engines if each.engine == engine.engine]
        same = all(isinstance(e, EngineFailure) and e.failed == engine.failed for e in rows)
        who = engine.engine if same else f"{engine.decoder}, {engine.engine}"
        lines.append(f"{who}: not measured: {escaped(engine.failed)}")
    return list(dict.fromkeys(lines))


def _print(console: Console, report: EngineReport, refusal: str | None) -> None:
    from rich.table import Table

    from nerv360.lab.benchmarks import CROPS, EngineFailure

    table = Table(
        "decoder", "engine", title="Decoding, pictures a second", caption=str(report.facts)
    )
    for title in ("looking", "1 % low", "playing", "decoded", "by FLOP", "by bytes"):
        table.add_column(title, justify="right")
    for engine in report.engines:
        cells = ("–",) * 6
        if not isinstance(engine, EngineFailure):
            floors = _floors(engine, report.ceilings)
            playing = f"{engine.playing.fps:.1f}", f"{engine.playing.share:.0%}"
            cells = (*_looking(engine.looking), *playing, *floors)
        table.add_row(engine.decoder, engine.engine, *cells)
    console.print(table)
    if any(engine.decoder.endswith(CROPS) for engine in report.engines):
        console.print(f"{CROPS.strip()}: only the crop of the frame that a look sees is decoded")
    ceilings = report.ceilings
    rates = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in ceilings.gflops.items())
    for line in _failures(report.engines):
        console.print(line, soft_wrap=True)
    console.print(
        "decoded: the share of a picture in tiles that may differ from the still panorama, playing."
    )
    console.print(
        f"by FLOP: at the rate of a matrix product in the engine's precision in this run "
        f"({rates}), of what every look takes: a frame is expanded once for all. By "
        f"bytes: every convolution's input read and output written once at the "
        f"{ceilings.gbytes_per_s:.1f} GB/s of a copy."
    )
    for place in {engine.device for engine in report.measured if engine.engine == "gl"}:
        console.print(f"gl: drawn by {escaped(place)}", soft_wrap=True)
    for line in (*_sizes(report.measured), *_parts(report.measured)):
        console.print(line)
    _print_memory(console, report)
    if refusal:
        console.print(f"upload: not measured: {escaped(refusal)}", soft_wrap=True)


def _sizes(measured: list[EngineResult]) -> Iterator[str]:
    """Yield the size of each decoder's pictures beside the paper's."""
    from nerv360.lab.benchmarks import PAPER_FPS, PAPER_GIB

    for name, (height, width) in {engine.decoder: engine.size for engine in measured}.items():
        paper = ""
        if name in PAPER_FPS:
            shape = "1920x1080 viewport" if name == "nerv360" else "6144x3072 frame"
            paper = (
                f"; the paper's, a {shape}, took an H100 {1000 / PAPER_FPS[name]:.0f} ms in "
                f"{PAPER_GIB[name]} GiB"
            )
        yield f"{name}: pictures of {width}x{height}{paper}"


def _parts(measured: list[EngineResult]) -> Iterator[str]:
    """Yield the times of each engine's stages, and its peak of a GPU's memory."""
    for engine in measured:
        if engine.stages_ms:
            parts = ", ".join(f"{n} {ms:.1f}" for n, ms in engine.stages_ms.items())
            yield f"{engine.decoder}, eager, ms by stage: {parts}"
        if engine.memory_mib:
            sizes = ", ".join(f"{mib:.0f} {n}" for n, mib in engine.memory_mib.items())
            yield f"{engine.decoder}, {engine.engine}, peak MiB: {sizes}"


def _print_memory(console: Console, report: EngineReport) -> None:
    from nerv360.lab.benchmarks import MemoryFailure

    for name, memory in report.memory.items():
        if isinstance(memory, MemoryFailure):
            console.print(escaped(memory.failed), soft_wrap=True)
            continue
        low, high = (bytes_ / 2**20 for bytes_ in memory.range)
        console.print(
            f"{name}: {memory.bytes / 2**20:.0f} MiB, {memory.kind} (median; {low:.0f} to "
            f"{high:.0f})"
        )
    for upload in report.uploads:
        height, width = upload.size
        console.print(
            f"upload of {width}x{height}: {upload.median_ms:.2f} ms, {upload.path}, "
            f"{upload.renderer}"
        )
