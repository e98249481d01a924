"""Measures speed and memory of decoding, in processes of its own.

``python -m nerv360.lab.benchmarks.decode_worker TASK`` takes a `DecodingTask` as JSON and prints
its results as one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nerv360.decoding import open_engine, picture_seconds
from nerv360.devices import choose_device
from nerv360.geometry import Look
from nerv360.lab.benchmarks.machine import processor_name
from nerv360.lab.benchmarks.process import peak_bytes, resident_bytes, run_worker
from nerv360.scene import read_scene
from nerv360.video import open_clip

PICTURES = 24
WARM_UP = 3
PROCESSES = 3
_OVER_THE_BARE_PROGRAM = "the process's peak over the bare program"


@dataclass(frozen=True)
class DecodingTask:
    """Pictures to decode: of one decoder of a scene, or a clip from beginning to end.

    Attributes:
        file: the scene, or the clip if ``decoder`` is None.
        decoder: its name in the scene.
        device: name for `nerv360.devices.choose_device`.
        size: height and width in pixels; None for the decoder's own.
    """

    file: Path
    decoder: str | None = None
    device: str = "auto"
    size: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with the file's absolute path."""
        size = list(self.size) if self.size else None
        return {**asdict(self), "file": str(self.file.resolve()), "size": size}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DecodingTask:
        """Build a task from the result of `to_dict`."""
        size = tuple(values["size"]) if values["size"] else None
        return cls(**{**values, "file": Path(values["file"]), "size": size})


@dataclass(frozen=True)
class SpeedResult:
    """Decoding measured in processes of its own; medians over several processes.

    Attributes:
        name: of the decoder or clip.
        decode_ms: median milliseconds per picture.
        fps: pictures per second, from the mean.
        memory_bytes: peak while opening and decoding, minus the bare program's.
        memory_range: smallest and largest of the processes.
        memory_kind: describes the peak.
        machine: CPU or GPU, threads, engine.
    """

    name: str
    decode_ms: float
    fps: float
    memory_bytes: int
    memory_range: tuple[int, int]
    memory_kind: str
    machine: str


def measure_decoding(name: str, task: DecodingTask, processes: int = PROCESSES) -> SpeedResult:
    """Decode in several processes, one after the other; return the medians of their results.

    Args:
        name: the result's name.

    Raises:
        WorkerError: a process failed.
    """
    label = f"measuring the speed of {name}"
    results = [run_worker(__name__, task.to_dict(), label) for _ in range(processes)]
    memory = sorted(result["memory_bytes"] for result in results)
    return SpeedResult(
        name,
        decode_ms=statistics.median(result["decode_ms"] for result in results),
        fps=statistics.median(result["fps"] for result in results),
        memory_bytes=round(statistics.median(memory)),
        memory_range=(memory[0], memory[-1]),
        memory_kind=results[0]["memory_kind"],
        machine=results[0]["machine"],
    )


def main() -> None:
    """Measure the task given as JSON on the command line."""
    task = DecodingTask.from_dict(json.loads(sys.argv[1]))
    print(json.dumps(_clip(task.file) if task.decoder is None else _decoder(task, task.decoder)))


def _decoder(task: DecodingTask, name: str) -> dict[str, Any]:
    before = resident_bytes()
    free = _free(choose_device(task.device))
    scene = read_scene(task.file, name)
    engine = open_engine(scene, name, task.device, task.size)
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
        memory, kind = peak_bytes() - before, _OVER_THE_BARE_PROGRAM
        device = f"{processor_name()}, {torch.get_num_threads()} threads"
    return _measured(seconds, memory, kind, f"{device}, {engine.name} engine")


def _free(device: torch.device) -> int:
    """Return a GPU's free bytes by the driver's count, creating its context; 0 on other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _clip(file: Path) -> dict[str, Any]:
    before = resident_bytes()
    seconds = []
    pictures = iter(open_clip(file))
    start = time.perf_counter()
    for _ in pictures:
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    memory = peak_bytes() - before
    return _measured(seconds, memory, _OVER_THE_BARE_PROGRAM, f"{processor_name()}, PyAV")


def _measured(seconds: list[float], memory: int, kind: str, machine: str) -> dict[str, Any]:
    return {
        "decode_ms": statistics.median(seconds) * 1000,
        "fps": len(seconds) / sum(seconds),
        "memory_bytes": max(memory, 0),
        "memory_kind": kind,
        "machine": machine,
    }


if __name__ == "__main__":
    main()
