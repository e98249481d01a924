"""``nerv360 bench``: decoding speed and memory, as one table and one JSON."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import InputError

if TYPE_CHECKING:
    from model.scene import Decoder


def bench(
    scene: Annotated[
        Path | None, typer.Argument(help="Scene file; the demo scene if none is given.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Measure this preset with random weights instead.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    pictures: Annotated[int, typer.Option(help="Pictures of each measurement.", min=3)] = 50,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the results as JSON.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the JSON.")] = False,
) -> None:
    """Measure every engine of a scene's decoders against what the machine could do."""
    import torch
    from rich.console import Console
    from rich.progress import track

    from model.devices import choose_device
    from model.evaluation.benchmark import engines_for, measure_ceilings, measure_engine

    if scene is not None and preset is not None:
        raise InputError("bench takes either a scene file or --preset NAME")
    if output is not None and output.exists() and not overwrite:
        raise InputError(f"{output} exists; choose another -o, or add --overwrite")
    if output is not None and not output.absolute().parent.is_dir():
        raise InputError(f"{output}: its folder does not exist; create it first")
    chosen = choose_device(device)
    decoders = _decoders(scene, preset)
    ceilings = measure_ceilings(chosen)
    console = Console()
    jobs = [(n, d, o) for n, d in decoders.items() for o in engines_for(d, chosen)]
    results = []
    for name, decoder, opener in track(
        jobs, "measuring", console=console, disable=not console.is_terminal
    ):
        frames = decoder.embeddings.shape[0]
        results.append(measure_engine(opener(), name, decoder.config, frames, pictures))
    report: dict[str, Any] = {
        "machine": platform.machine(),
        "device": str(chosen),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "ceilings": {"gflops": ceilings.gflops, "gbytes_per_s": ceilings.gbytes_per_s},
        "engines": [result.to_dict() for result in results],
        "memory": {} if preset else {n: _memory(scene, n, str(chosen)) for n in decoders},
    }
    _print(console, report)
    if output is not None:
        partial = output.with_name(output.name + ".partial")
        partial.write_text(json.dumps(report, indent=2) + "\n")
        partial.replace(output)


def _decoders(scene: Path | None, preset: str | None) -> dict[str, Decoder]:
    from model.config import preset as named_preset
    from model.evaluation.benchmark import random_decoder
    from model.scene import read_scene
    from viewer.scene_content import DEMO

    if preset is not None:
        config = named_preset(preset)
        return {config.architecture: random_decoder(config)}
    return read_scene(scene or DEMO).decoders


def _memory(scene: Path | None, decoder: str, device: str) -> dict[str, Any]:
    from model.evaluation.probe import probe
    from viewer.scene_content import DEMO

    path = (scene or DEMO).absolute()
    arguments = ["--scene", str(path), "--decoder", decoder, "--device", device]
    result = probe(decoder, arguments)
    return {"bytes": result.memory_bytes, "kind": result.memory_kind}


def _print(console: Any, report: dict[str, Any]) -> None:
    from rich.table import Table

    from model.evaluation.benchmark import PAPER_FPS, PAPER_GIB

    table = Table(title=f"Decoding on {report['device']}, {report['threads']} threads")
    table.add_column("decoder")
    table.add_column("engine")
    for title in ("picture", "looking", "1 % low", "playing", "floor", "paper, H100"):
        table.add_column(title, justify="right")
    for engine in report["engines"]:
        name = engine["decoder"]
        floor_ms = engine["flops"] / report["ceilings"]["gflops"] / 1e6
        table.add_row(
            name,
            engine["engine"],
            f"{engine['size'][1]}x{engine['size'][0]}",
            f"{1000 / engine['looking']['median_ms']:.1f}/s",
            f"{1000 / engine['looking']['slowest_percent_ms']:.1f}/s",
            f"{1000 / engine['playing']['median_ms']:.1f}/s",
            f"{1000 / floor_ms:.1f}/s",
            f"{PAPER_FPS[name]}/s, {PAPER_GIB[name]} GiB",
        )
    console.print(table)
    ceilings = report["ceilings"]
    console.print(
        f"floor: {ceilings['gflops']:.0f} GFLOP/s of a matrix product in this run; copies moved "
        f"{ceilings['gbytes_per_s']:.1f} GB/s. The paper's pictures are 1080x1920 viewports and "
        f"3072x6144 frames."
    )
    for engine in report["engines"]:
        if engine["stages_ms"]:
            parts = ", ".join(f"{n} {ms:.1f}" for n, ms in engine["stages_ms"].items())
            console.print(f"{engine['decoder']}, eager, ms by stage: {parts}")
    for name, memory in report["memory"].items():
        console.print(f"{name}: {memory['bytes'] / 2**20:.0f} MiB, {memory['kind']}")
