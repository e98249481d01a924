"""Measures one part of the paper's table 1 in a process of its own.

``python -m nerv360.lab.benchmarks.table1_worker TASK`` prints one line of JSON. Encoding, decoding
and training of one decoder each get a fresh process, so that memory left allocated by one does not
count for another.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time as clock
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nerv360.config import ModelConfig
from nerv360.decoding import open_engine, picture_seconds
from nerv360.devices import training_precision
from nerv360.geometry import Look
from nerv360.lab.benchmarks.ceilings import precision_name
from nerv360.lab.benchmarks.engine_speed import random_decoder
from nerv360.lab.benchmarks.machine import processor_name
from nerv360.lab.benchmarks.process import peak_bytes, resident_bytes, run_worker
from nerv360.networks import Encoder, architecture_of, to_channels_last
from nerv360.scene import Attribution, Scene
from nerv360.training import ClipFrames, Processes, StepReport, Trainer, TrainingSettings
from nerv360.video import VideoInfo

CUDA_BATCH = 10
"""Pictures queued before the host waits, as in `picture_seconds`."""
PARTS = ("encoding", "decoding", "training")
FRAMES, FPS = 4, 30.0
WARM_UP, WARM_UP_S = 5, 2.0
ENOUGH_S = 20.0
FEWEST = 20
"""Pictures are repeated until the wanted number, or this number and `ENOUGH_S`, is reached."""


@dataclass(frozen=True)
class PartResult:
    """Speed and memory of one part of one decoder.

    Attributes:
        fps: pictures per second, from the median. Encoding: frames. Decoding: viewports of NeRV360
            or frames of the others, each of a new frame. Training: steps of one picture (encoder,
            decoder, loss, backward pass, optimiser).
        memory_bytes: peak; ``memory_kind`` describes it.
        pictures: number of timed pictures.
        quartiles_ms: quartiles of the milliseconds per picture.
        program: engine or network, and its precision.
        machine: CPU or GPU.
    """

    fps: float
    memory_bytes: int
    memory_kind: str
    pictures: int
    quartiles_ms: tuple[float, float, float]
    program: str
    machine: str


class LapTimes:
    """Seconds of each picture after a warm-up, until there are enough."""

    def __init__(self, pictures: int) -> None:
        self.seconds: list[float] = []
        self._wanted = pictures
        self._warm_ups = 0
        self._warm_up_s = 0.0

    def lap(self, seconds: float) -> None:
        """Add the seconds of one more picture."""
        if self._warm_ups == 0 or (self._warm_ups < WARM_UP and self._warm_up_s < WARM_UP_S):
            self._warm_ups += 1
            self._warm_up_s += seconds
        else:
            self.seconds.append(seconds)

    @property
    def done(self) -> bool:
        """Whether no further picture is needed."""
        timed = len(self.seconds)
        return timed >= self._wanted or (timed >= FEWEST and sum(self.seconds) >= ENOUGH_S)


def noise_frames(count: int, size: tuple[int, int]) -> ClipFrames:
    """Create frames of noise, as slow and as large to train on as a clip's.

    Args:
        size: height and width in pixels.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(256, (count, *size, 3), dtype=torch.uint8, generator=generator)
    return ClipFrames(noise, VideoInfo(size[1], size[0], FPS, count))


def measure_part(part: str, config: ModelConfig, device: torch.device, pictures: int) -> PartResult:
    """Run `measure_part_here` in a process of its own.

    Raises:
        OutOfMemoryError: the part did not fit.
        WorkerError: the process failed otherwise.
    """
    task = {"part": part, "config": config.to_dict(), "device": str(device), "pictures": pictures}
    values = run_worker(__name__, task, f"{part} of {config.architecture}")
    return PartResult(**{**values, "quartiles_ms": tuple(values["quartiles_ms"])})


def measure_part_here(
    part: str, config: ModelConfig, device: torch.device, pictures: int
) -> PartResult:
    """Time one of `PARTS` here; memory is this process's, or torch's on the GPU."""
    before = resident_bytes()
    run = {"encoding": _encode, "decoding": _decode, "training": _train}[part]
    laps = LapTimes(pictures)
    program = run(config, device, laps)
    if device.type == "cuda":
        memory, kind = torch.cuda.max_memory_allocated(device), "torch's peak on the GPU"
        machine = torch.cuda.get_device_name(device)
    else:
        memory, kind = peak_bytes() - before, "the process's peak over the bare program"
        machine = processor_name()
    return PartResult(
        fps=1 / statistics.median(laps.seconds),
        memory_bytes=max(memory, 0),
        memory_kind=kind,
        pictures=len(laps.seconds),
        quartiles_ms=quartiles_ms(laps.seconds),
        program=program,
        machine=machine,
    )


def quartiles_ms(seconds: list[float]) -> tuple[float, float, float]:
    """Return the quartiles of one or more times, in milliseconds."""
    if len(seconds) == 1:
        return (seconds[0] * 1000,) * 3
    first, second, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return first * 1000, second * 1000, third * 1000


def _encode(config: ModelConfig, device: torch.device, laps: LapTimes) -> str:
    encoder = Encoder(config)
    to_channels_last(encoder)
    encoder.to(device).eval()
    cuda = device.type == "cuda"
    precision = torch.float32
    if cuda:  # as in training; on CPUs the encoder stays in float32 there
        suits = architecture_of(config).suits_bfloat16
        precision = training_precision(device, suits_bfloat16=suits)
    size = (config.frame_height, config.frame_width)
    frame = noise_frames(1, size).frame(0, device)
    while not laps.done:
        start = clock.perf_counter()
        with torch.inference_mode(), torch.autocast("cuda", precision, enabled=cuda):
            encoder(frame)
        if cuda:
            torch.cuda.synchronize(device)
        laps.lap(clock.perf_counter() - start)
    return f"encoder, {_autocast_name(precision)}"


def _decode(config: ModelConfig, device: torch.device, laps: LapTimes) -> str:
    name = config.architecture
    attribution = Attribution("noise", "none", "nobody", "none")
    decoder = random_decoder(config, FRAMES)
    size = config.frame_width, config.frame_height
    scene = Scene(attribution, *size, FPS, FRAMES, {name: decoder})
    engine = open_engine(scene, name, device)
    batch = CUDA_BATCH if device.type == "cuda" else 1
    requests = ((_look(index), index % FRAMES) for index in itertools.count())
    while not laps.done:
        for seconds in picture_seconds(engine, list(itertools.islice(requests, batch))):
            laps.lap(seconds)
    precision = precision_name(engine.precision)
    return f"{engine.name.removesuffix(f'-{precision}')} engine, {precision}"


def _look(index: int) -> Look:
    return Look.from_degrees(5.0 * index, index % 9 * 10.0 - 40.0)


def _train(config: ModelConfig, device: torch.device, laps: LapTimes) -> str:
    settings = TrainingSettings(epochs=100_000, evaluate_every=100_000, checkpoint_s=86_400.0)
    frames = noise_frames(FRAMES, (config.frame_height, config.frame_width))
    trainer = Trainer(config, settings, frames, device, Processes())
    last = clock.perf_counter()

    def report(_: StepReport) -> None:
        nonlocal last
        now = clock.perf_counter()
        laps.lap(now - last)
        last = now

    with tempfile.TemporaryDirectory() as folder:
        trainer.run(Path(folder) / "checkpoint", report, lambda: laps.done)
    return f"training step, {_autocast_name(trainer.precision)}"


def _autocast_name(precision: torch.dtype) -> str:
    name = precision_name(precision)
    return name if precision is torch.float32 else f"{name} autocast"


def main() -> None:
    """Measure the part described by a JSON object on the command line."""
    task = json.loads(sys.argv[1])
    config = ModelConfig.from_dict(task["config"])
    device = torch.device(task["device"])
    print(json.dumps(asdict(measure_part_here(task["part"], config, device, task["pictures"]))))


if __name__ == "__main__":
    main()
