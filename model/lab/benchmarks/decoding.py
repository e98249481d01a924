"""Speed and memory of decoding, in processes of its own."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nerv360.decoding import open_engine, picture_seconds
from nerv360.devices import choose_device
from nerv360.geometry import Look
from nerv360.lab.benchmarks.machine import device_name, processor_name
from nerv360.lab.benchmarks.memory import Peak, PeakMemory
from nerv360.lab.worker import WorkerError, run_alone
from nerv360.scene import read_header
from nerv360.video import open_clip

PICTURES = 24
WARM_UP = 3
PROCESSES = 3


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


@dataclass(frozen=True)
class DecodingSample:
    """Decoding measured in one process: seconds of each picture, memory, and the machine."""

    seconds: list[float]
    memory: Peak
    machine: str


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
    try:
        samples = [run_alone(partial(decode_here, task)) for _ in range(processes)]
    except WorkerError as error:
        raise type(error)(f"the speed of {name} cannot be measured: {error}") from error
    memory = sorted(sample.memory.bytes for sample in samples)
    seconds = [sample.seconds for sample in samples]
    return SpeedResult(
        name,
        decode_ms=statistics.median(statistics.median(each) * 1000 for each in seconds),
        fps=statistics.median(len(each) / sum(each) for each in seconds),
        memory_bytes=round(statistics.median(memory)),
        memory_range=(memory[0], memory[-1]),
        memory_kind=samples[0].memory.kind,
        machine=samples[0].machine,
    )


def decode_here(task: DecodingTask) -> DecodingSample:
    """Perform ``task`` in this process."""
    return _clip(task.file) if task.decoder is None else _decoder(task, task.decoder)


def _decoder(task: DecodingTask, name: str) -> DecodingSample:
    memory = PeakMemory()
    free = _free(choose_device(task.device))
    frames = read_header(task.file).header.frames
    engine = open_engine(task.file, name, task.device, task.size)
    looks = [Look.from_degrees(k * 5.0, (k % 7) * 5.0 - 15) for k in range(PICTURES + WARM_UP)]
    requests = [(look, index % frames) for index, look in enumerate(looks)]
    seconds = picture_seconds(engine, requests)[WARM_UP:]
    peak = memory.read(engine.device)
    if engine.device.type == "cuda":
        reserved = torch.cuda.max_memory_reserved(engine.device)
        driver = free - _free(engine.device)
        kind = (
            f"{peak.kind}, start-up included; {reserved / 2**20:.0f} MiB reserved with "
            f"the graphs' pool, {driver / 2**20:.0f} MiB more in use by the driver's count"
        )
        peak = replace(peak, kind=kind)
    return DecodingSample(seconds, peak, f"{device_name(engine.device)}, {engine.name} engine")


def _free(device: torch.device) -> int:
    """Return a GPU's free bytes by the driver's count, creating its context; 0 on other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _clip(file: Path) -> DecodingSample:
    memory = PeakMemory()
    seconds = []
    pictures = iter(open_clip(file))
    start = time.perf_counter()
    for _ in pictures:
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return DecodingSample(seconds, memory.read(torch.device("cpu")), f"{processor_name()}, PyAV")
