"""Parts of the paper's table 1: encoding, decoding or training of one decoder.

Each gets a fresh process, so that memory left allocated by one does not count for another.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time as clock
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nerv360.config import ModelConfig
from nerv360.decoding import open_engine, picture_seconds
from nerv360.devices import training_precision
from nerv360.geometry import Look
from nerv360.lab.benchmarks.ceilings import precision_name
from nerv360.lab.benchmarks.engine_speed import program_of, random_scene
from nerv360.lab.benchmarks.machine import processor_name
from nerv360.lab.benchmarks.memory import PeakMemory
from nerv360.lab.worker import run_alone
from nerv360.networks import Encoder, architecture_of, in_crops, to_channels_last
from nerv360.training import ClipFrames, Processes, StepReport, Trainer, TrainingSettings
from nerv360.video import VideoInfo

CUDA_BATCH = 10
"""Pictures queued before the host waits, as in `picture_seconds`."""
IN_CROPS = "decoding in crops"
PARTS = ("encoding", "decoding", IN_CROPS, "training")
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
    return run_alone(partial(measure_part_here, part, config, device, pictures))


def measure_part_here(
    part: str, config: ModelConfig, device: torch.device, pictures: int
) -> PartResult:
    """Time one of `PARTS` here; memory is this process's, or torch's on the GPU."""
    memory = PeakMemory()
    run = {"encoding": _encode, "decoding": _decode, IN_CROPS: _decode, "training": _train}[part]
    laps = LapTimes(pictures)
    program = run(in_crops(config) if part == IN_CROPS else config, device, laps)
    peak = memory.read(device)
    cuda = device.type == "cuda"
    return PartResult(
        fps=1 / statistics.median(laps.seconds),
        memory_bytes=peak.bytes,
        memory_kind=peak.kind,
        pictures=len(laps.seconds),
        quartiles_ms=quartiles_ms(laps.seconds),
        program=program,
        machine=torch.cuda.get_device_name(device) if cuda else processor_name(),
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
    engine = open_engine(random_scene(config, FRAMES), config.architecture, device)
    batch = CUDA_BATCH if device.type == "cuda" else 1
    requests = ((_look(index), index % FRAMES) for index in itertools.count())
    while not laps.done:
        for seconds in picture_seconds(engine, list(itertools.islice(requests, batch))):
            laps.lap(seconds)
    return program_of(engine)


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
