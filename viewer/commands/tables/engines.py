"""``nerv360 bench [SCENE]``: every engine, compared with the machine's limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerv360.errors import InputError, UnavailableError
from nerv360.progress import stage
from nerv360.viewer.commands.options import device_option, for_option

if TYPE_CHECKING:
    import torch

    from nerv360.decoding import Engine
    from nerv360.scene import Decoder


def bench_engines(
    scene: Path | None, preset: str | None, device: str, pictures: int
) -> dict[str, Any]:
    """Measure, print, and return the content of the JSON."""
    from rich.console import Console

    from nerv360.lab.benchmarks import machine_facts, measure_ceilings, measure_engines

    if scene is not None and preset is not None:
        raise InputError("bench takes either a scene file or --preset NAME")
    chosen = device_option(device)
    decoders = _decoders(scene, preset)
    with stage("measuring the machine"):
        ceilings = measure_ceilings(chosen)
    console = Console()
    with stage("measuring every engine") as shown:

        def advance(done: int, total: int) -> None:
            shown.become("measuring every engine", done, total)

        with _graphics():
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


class _LateGraphics:
    """Opens gl engines, and its graphics when it is first asked for one.

    Measuring may load torch's compilers, which end a process that already has OpenGL in software.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._refusal: str | None = None

    def open(self, decoder: Decoder, size: tuple[int, int]) -> Engine:
        from nerv360.viewer.commands.hidden_graphics import hidden_graphics
        from nerv360.viewer.shading import DRAWER

        if self._refusal is None:
            try:
                self._stack.enter_context(hidden_graphics(reads=False, software=False))
            except InputError:
                self._refusal = "there is no display with OpenGL 3.3 to draw on"
        if self._refusal is not None:
            raise UnavailableError(self._refusal)
        return DRAWER.open(decoder, size)


@contextlib.contextmanager
def _graphics() -> Iterator[None]:
    """Let the gl engine be measured inside; without graphics its rows say so."""
    from nerv360.decoding import draw_by

    with contextlib.ExitStack() as stack:
        draw_by(_LateGraphics(stack).open)
        stack.callback(draw_by, None)
        yield


def _uploads(
    sizes: list[tuple[int, int]], device: torch.device
) -> tuple[list[dict[str, Any]], str | None]:
    """Return upload times by size of picture, or none and the reason."""
    try:
        from nerv360.viewer.commands.bench_uploads import measure_uploads

        return [asdict(speed) for speed in measure_uploads(sizes, device)], None
    except (InputError, ImportError, OSError, RuntimeError) as error:
        # A server may lack OpenGL's library; a GPU may lack memory.
        return [], str(error)


def _decoders(scene: Path | None, preset: str | None) -> dict[str, Decoder]:
    from nerv360.lab.benchmarks import random_decoder
    from nerv360.networks import preset as named_preset
    from nerv360.scene import read_scene
    from nerv360.viewer.paths import DEMO

    if preset is not None:
        with for_option("--preset"):
            config = named_preset(preset)
        return {config.architecture: random_decoder(config)}
    return read_scene(scene or DEMO).decoders


def _memory(scene: Path | None, decoder: str, device: str) -> dict[str, Any]:
    from nerv360.lab.benchmarks import DecodingTask, WorkerError, measure_decoding
    from nerv360.viewer.paths import DEMO

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


def _floors(engine: dict[str, Any], ceilings: dict[str, Any]) -> tuple[str, str]:
    """Return floors by FLOP and by bytes; the machine's ceilings are not the renderer's."""
    if engine["engine"] == "gl":
        return "–", "–"
    by_bytes = f"{ceilings['gbytes_per_s'] * 1e9 / engine['traffic_bytes']:.1f}"
    # No matrix product of that precision may have been measured.
    rate = ceilings["gflops"].get(engine["precision"])
    return "–" if rate is None else f"{rate * 1e9 / engine['look_flops']:.1f}", by_bytes


def _failures(engines: list[dict[str, Any]]) -> list[str]:
    """Return lines that say why engines are not measured; a reason common to all decoders once."""
    lines = []
    for engine in engines:
        if "failed" not in engine:
            continue
        rows = [each for each in engines if each["engine"] == engine["engine"]]
        same = all(each.get("failed") == engine["failed"] for each in rows)
        who = engine["engine"] if same else f"{engine['decoder']}, {engine['engine']}"
        lines.append(f"{who}: not measured: {engine['failed']}")
    return list(dict.fromkeys(lines))


def _print(console: Any, report: dict[str, Any]) -> None:
    from rich.table import Table

    from nerv360.lab.benchmarks import PAPER_FPS, PAPER_GIB, facts_line

    table = Table(title="Decoding, pictures a second", caption=facts_line(report))
    table.add_column("decoder")
    table.add_column("engine")
    for title in ("looking", "1 % low", "playing", "by FLOP", "by bytes"):
        table.add_column(title, justify="right")
    ceilings = report["ceilings"]
    measured = [engine for engine in report["engines"] if "failed" not in engine]
    for engine in report["engines"]:
        if "failed" in engine:
            table.add_row(engine["decoder"], engine["engine"], *5 * ["–"])
            continue
        table.add_row(
            engine["decoder"],
            engine["engine"],
            *_looking(engine["looking"]),
            f"{1000 / engine['playing']['median_ms']:.1f}",
            *_floors(engine, ceilings),
        )
    console.print(table)
    rates = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in ceilings["gflops"].items())
    for line in _failures(report["engines"]):
        console.print(line, soft_wrap=True, markup=False)
    console.print(
        f"by FLOP: at the rate of a matrix product in the engine's precision in this run "
        f"({rates}), of what every look takes: a frame is expanded once for all. By "
        f"bytes: every convolution's input read and output written once at the "
        f"{ceilings['gbytes_per_s']:.1f} GB/s of a copy."
    )
    for place in {engine["device"] for engine in measured if engine["engine"] == "gl"}:
        console.print(f"gl: drawn by {place}", soft_wrap=True, markup=False)
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
