"""Speed and memory of one decoder, measured in a process of its own.

``python -m model.benchmarks.decode_worker`` prints one line of JSON. A process that did nothing
else is the only one whose peak memory is the decoder's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from model.benchmarks.machine import processor_name
from model.benchmarks.process_memory import peak_bytes, resident_bytes
from model.evaluation.results import SpeedResult

PICTURES = 24
WARM_UP = 3
PROBES = 3


def probe(subject: str, arguments: list[str], times: int = PROBES) -> SpeedResult:
    """Run the probe in ``times`` processes and return the medians of what they measured.

    Args:
        subject: the name that the result gets.
        arguments: ``--scene FILE --decoder NAME --device D [--size H W]`` or ``--clip FILE``.

    Raises:
        RuntimeError: the process failed; the message has its last line.
    """
    command = [sys.executable, "-m", "model.benchmarks.decode_worker", *arguments]
    folder = Path(__file__).resolve().parents[2]
    results = []
    for _ in range(times):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it printed nothing"]
            raise RuntimeError(f"measuring the speed of {subject} failed: {lines[-1]}")
        results.append(json.loads(done.stdout.strip().splitlines()[-1]))
    memory = sorted(result["memory_bytes"] for result in results)
    return SpeedResult(
        subject,
        decode_ms=statistics.median(result["decode_ms"] for result in results),
        fps=statistics.median(result["fps"] for result in results),
        memory_bytes=round(statistics.median(memory)),
        memory_range=(memory[0], memory[-1]),
        memory_kind=results[0]["memory_kind"],
        machine=results[0]["machine"],
    )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--decoder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, nargs=2)
    parser.add_argument("--clip", type=Path)
    options = parser.parse_args()
    measured = _clip(options.clip) if options.clip else _decoder(options)
    print(json.dumps(measured))


def _decoder(options: argparse.Namespace) -> dict[str, object]:
    from model.decoding import open_engine
    from model.decoding.timing import picture_seconds
    from model.devices import choose_device
    from model.geometry import Look
    from model.scene.scene_file import read_scene

    before = resident_bytes()
    free = _free(choose_device(options.device))
    scene = read_scene(options.scene, options.decoder)
    size = tuple(options.size) if options.size else None
    engine = open_engine(scene, options.decoder, options.device, size)
    looks = [Look.from_degrees(k * 5.0, (k % 7) * 5.0 - 15) for k in range(PICTURES + WARM_UP)]

    requests = [(look, index % scene.frames) for index, look in enumerate(looks)]
    seconds = picture_seconds(engine, requests)[WARM_UP:]
    if engine.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(engine.device)
        reserved = torch.cuda.max_memory_reserved(engine.device)
        driver = free - _free(engine.device)
        kind = (
            f"torch's peak on the GPU, start-up included; {reserved / 2**20:.0f} MiB reserved with "
            f"the graphs' pool, {driver / 2**20:.0f} MiB more in use by the driver's count"
        )
        device = torch.cuda.get_device_name(engine.device)
    else:
        memory, kind = peak_bytes() - before, "the process's peak over the bare program"
        device = f"{processor_name()}, {torch.get_num_threads()} threads"
    return _measured(seconds, memory, kind, f"{device}, {engine.name} engine")


def _free(device: torch.device) -> int:
    """Free bytes of a GPU by the driver's count, its CUDA context made; 0 on other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _clip(file: Path) -> dict[str, object]:
    from model.video.reading import open_frames

    before = resident_bytes()
    seconds = []
    pictures = iter(open_frames(file))
    clock: Callable[[], float] = time.perf_counter
    start = clock()
    for _ in pictures:
        seconds.append(clock() - start)
        start = clock()
    kind = "the process's peak over the bare program"
    return _measured(seconds, peak_bytes() - before, kind, f"{processor_name()}, PyAV")


def _measured(seconds: list[float], memory: int, kind: str, machine: str) -> dict[str, object]:
    return {
        "decode_ms": statistics.median(seconds) * 1000,
        "fps": len(seconds) / sum(seconds),
        "memory_bytes": max(memory, 0),
        "memory_kind": kind,
        "machine": machine,
    }


if __name__ == "__main__":
    main()
