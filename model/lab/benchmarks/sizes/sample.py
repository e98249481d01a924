"""One method at one size, measured in a process of its own."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.decoding import Engine, open_engine
from nerv360.geometry import Look
from nerv360.lab.benchmarks.ceilings import wait_for
from nerv360.lab.benchmarks.engine_speed import program_of, random_scene
from nerv360.lab.benchmarks.machine import device_name
from nerv360.lab.benchmarks.memory import PeakMemory
from nerv360.lab.benchmarks.sizes.clips import FPS
from nerv360.lab.benchmarks.sizes.cut import cut_viewport
from nerv360.lab.worker import run_alone
from nerv360.video import ClipReader, open_clip

FRAMES = FPS
"""Frames of the networks' clip: as many as the codecs' clip has different pictures."""
WARM_UP = 3
ENOUGH_S = 2.0
GOLDEN = 0.618034
"""The fractional parts of its multiples are evenly spread, no matter how many."""


@dataclass(frozen=True)
class SizeTask:
    """A decoder or a clip to measure.

    Attributes:
        name: readable name of the method.
        viewport: height and width in pixels.
        pictures: at most this many of each kind.
        device: torch's name of the networks' device.
        config: the decoder's; None for a clip.
        clip: the file; None for a decoder.
        run: index of this process among those with the same method and size.
    """

    name: str
    viewport: tuple[int, int]
    pictures: int
    device: str = "cpu"
    config: ModelConfig | None = None
    clip: Path | None = None
    run: int = 0


Seconds = tuple[float, float]
"""Elapsed seconds, and CPU seconds of all threads together.

Other running programs increase the first; the second much less, if there is one thread.
"""


@dataclass(frozen=True)
class SizeSample:
    """Measurements of one process.

    Attributes:
        looking, playing, jumping: times of viewports: of the same frame, of the next frame, of any
            frame.
        converting: times for converting a codec's picture to RGBA, included in the last two; empty
            for networks.
        memory_bytes: peak; ``memory_kind`` describes it.
        program: the decoder and its precision.
        machine: CPU or GPU.
    """

    looking: list[Seconds]
    playing: list[Seconds]
    jumping: list[Seconds]
    converting: list[Seconds]
    memory_bytes: int
    memory_kind: str
    program: str
    machine: str


def measure_sample(task: SizeTask, limit_s: float) -> SizeSample:
    """Run `measure_sample_here` in a process of its own.

    Raises:
        OutOfMemoryError: it did not fit.
        WorkerError: the process failed otherwise, or took longer than ``limit_s``.
    """
    return run_alone(partial(measure_sample_here, task), limit_s)


def measure_sample_here(task: SizeTask) -> SizeSample:
    """Play, jump and look around; memory is this process's, or torch's on the GPU."""
    memory = PeakMemory()
    method: ShownDecoder | ShownClip
    if task.config is not None:
        method = ShownDecoder(task.config, task.device, task.viewport)
    elif task.clip is not None:
        method = ShownClip(task.clip, task.viewport)
    else:
        raise ValueError("a task needs a configuration or a clip")
    looks = (Look.from_degrees(5.0 * k, k % 9 * 10.0 - 40.0) for k in itertools.count())

    def timed(frames: Iterator[int]) -> list[Seconds]:
        return _seconds(
            lambda: method.show(next(looks), next(frames)), method.device, task.pictures
        )

    method.show(next(looks), 0)
    playing = timed(k % method.frames for k in itertools.count(1))
    jumping = timed(method.jumps(task.run))
    for _ in range(WARM_UP):  # a frame's expansion is done by its first look and serves all others
        method.show(next(looks), method.shown)
    looking = timed(itertools.repeat(method.shown))
    converting: list[Seconds] = []
    if isinstance(method, ShownClip):
        converting = _seconds(method.convert, method.device, task.pictures)
    peak = memory.read(method.device)
    return SizeSample(
        looking, playing, jumping, converting, peak.bytes, peak.kind,
        method.program, device_name(method.device),
    )  # fmt: skip


def _seconds(run: Callable[[], object], device: torch.device, pictures: int) -> list[Seconds]:
    """Time each run after a warm-up.

    Slow runs end once `ENOUGH_S` has passed; if there are few, the warm-up is shorter.
    """
    seconds: list[Seconds] = []
    while len(seconds) < WARM_UP + pictures and sum(passed for passed, _ in seconds) < ENOUGH_S:
        start, processors = time.perf_counter(), time.process_time()
        run()
        wait_for(device)
        seconds.append((time.perf_counter() - start, time.process_time() - processors))
    return seconds[min(WARM_UP, len(seconds) // 4) :]


class ShownDecoder:
    """A decoder with random weights, in the engine that the viewer would use.

    ``shown`` is the latest frame; a whole frame is not decoded again for another look.
    """

    frames = FRAMES
    shown = -1

    def __init__(self, config: ModelConfig, device: str, viewport: tuple[int, int]) -> None:
        scene = random_scene(config, FRAMES)
        self._engine: Engine = open_engine(scene, config.architecture, torch.device(device))
        self._viewport = viewport
        self._whole: Tensor | None = None
        self.device = self._engine.device
        self.program = program_of(self._engine)

    def show(self, look: Look, frame: int) -> Tensor:
        if self._whole is None or self.shown != frame:
            self.shown = frame
            pixels = self._engine.decode(look, frame).pixels
            if not self._engine.full_frame:
                return pixels
            self._whole = pixels
        return cut_viewport(self._whole, look, self._viewport)

    def jumps(self, run: int) -> Iterator[int]:
        """Yield frames endlessly, none of them still in memory."""
        chosen = random.Random(run)
        while True:
            # Any frame but the last one, which is already expanded.
            yield (self.shown + chosen.randrange(1, FRAMES)) % FRAMES


class ShownClip:
    """A clip, decoded as in the viewer; ``shown`` is the latest frame."""

    device = torch.device("cpu")
    shown = -1

    def __init__(self, file: Path, viewport: tuple[int, int]) -> None:
        clip = open_clip(file)
        self.frames = clip.info.frames
        self.program = f"PyAV {clip.codec}"
        self._reader = ClipReader(clip)
        self._viewport = viewport
        self._whole: Tensor | None = None

    def show(self, look: Look, frame: int) -> Tensor:
        if self._whole is None or self.shown != frame:
            self.shown, self._whole = frame, self._reader.frame(frame)
        return cut_viewport(self._whole, look, self._viewport)

    def convert(self) -> Tensor:
        """Return the current picture again, from the reader's cache."""
        return self._reader.frame(self.shown)

    def jumps(self, run: int) -> Iterator[int]:
        """Yield frames endlessly, none of them still in memory."""
        seconds = self.frames // FPS
        for k in itertools.count(1):
            # From each second to the one before, so that no picture is in the reader's cache;
            # positions within the seconds are evenly spread.
            place = int((run * 0.5 + k) * GOLDEN % 1 * FPS)
            yield -k % seconds * FPS + place
