"""Cost of one more viewport against the panorama's size, for networks and codecs."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nerv360.config import MAX_SIDE, ModelConfig
from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.lab.benchmarks.decoding import PROCESSES
from nerv360.lab.benchmarks.engine_speed import CROPS
from nerv360.lab.benchmarks.machine import Report
from nerv360.lab.benchmarks.parts import quartiles_ms
from nerv360.lab.benchmarks.resolution import DECODERS, TITLES
from nerv360.lab.benchmarks.sizes.clips import ENCODERS, encode_clip, encoding_bytes
from nerv360.lab.benchmarks.sizes.sample import Seconds, SizeSample, SizeTask, measure_sample
from nerv360.lab.benchmarks.table1 import SAFE, needed_bytes
from nerv360.lab.synthetic import HarbourTown
from nerv360.lab.worker import OutOfMemoryError, WorkerError
from nerv360.networks import in_crops
from nerv360.training import training_preset
from nerv360.video import Clip, FolderWriter

IN_CROPS = {name + CROPS: title + CROPS for name, title in TITLES.items() if name != DECODERS[0]}
METHODS = {**TITLES, **IN_CROPS, "x265": "x265", "av1": "AV1"}
"""Readable names, in the order of measurement."""
WAYS = {
    "looking": "another look",
    "playing": "the next picture",
    "jumping": "a picture anywhere",
}
"""Kinds of the next viewport, in words."""
LEAST_WIDTH = 128
SOURCE_WIDTH = 1024


@dataclass(frozen=True)
class Times:
    """Milliseconds per viewport.

    Attributes:
        pictures: number of timed pictures.
        mean_ms, quartiles_ms: of elapsed time.
        processor_quartiles_ms: of CPU time, summed over all threads.
    """

    pictures: int
    mean_ms: float
    quartiles_ms: tuple[float, float, float]
    processor_quartiles_ms: tuple[float, float, float]

    def quartiles(self, *, processor: bool) -> tuple[float, float, float]:
        """Return those of CPU time or of elapsed time."""
        return self.processor_quartiles_ms if processor else self.quartiles_ms

    @classmethod
    def of(cls, seconds: Sequence[Seconds]) -> Times:
        """Summarise the times of one or more runs."""
        passed, processors = zip(*seconds, strict=True)
        return cls(
            len(seconds),
            statistics.fmean(passed) * 1000,
            quartiles_ms(list(passed)),
            quartiles_ms(list(processors)),
        )


@dataclass(frozen=True)
class SizeResult:
    """Results of one method at one size.

    Attributes:
        method: a key of `METHODS`.
        frame: height and width of the panorama in pixels.
        looking, playing, jumping: another viewport of the same frame, of the next frame, of any
            frame; over all processes.
        converting: the part of the last two for converting a codec's picture to RGBA; None for
            networks.
        memory_bytes: median of the processes' peaks; ``memory_kind`` describes it.
        memory_range: smallest and largest peak.
        processes: number of processes.
        program: the decoder and its precision.
        settings: of the encoder; None for networks.
        machine: CPU or GPU.
    """

    method: str
    frame: tuple[int, int]
    looking: Times
    playing: Times
    jumping: Times
    converting: Times | None
    memory_bytes: int
    memory_range: tuple[int, int]
    memory_kind: str
    processes: int
    program: str
    settings: str | None
    machine: str

    def times(self, way: str) -> Times:
        """Return the times of one of `WAYS`."""
        return {"looking": self.looking, "playing": self.playing, "jumping": self.jumping}[way]


@dataclass(frozen=True)
class SizeFailure:
    """A method that could not be measured at a size, and why."""

    method: str
    frame: tuple[int, int]
    failed: str


@dataclass(frozen=True, kw_only=True)
class SizesReport(Report):
    """Cost of one more viewport by the panorama's size.

    Attributes:
        load_average_before: of the machine.
        source: the codecs' clip.
        viewport: height and width.
        sizes: widths of the panoramas.
        complete: all methods are measured at all sizes.
    """

    table: int = 4
    preset: str
    load_average_before: float
    source: str
    viewport: tuple[int, int]
    sizes: list[int]
    complete: bool
    rows: list[SizeResult | SizeFailure]

    @property
    def measured(self) -> list[SizeResult]:
        """Methods that could be measured."""
        return [row for row in self.rows if isinstance(row, SizeResult)]


def parse_sizes(text: str) -> list[int]:
    """Parse widths of panoramas, such as ``1024,2048``; return them rising.

    Raises:
        InputError: there is none, or one cannot be measured.
    """
    widths = set()
    for part in text.split(","):
        width = int(part) if part.strip().isascii() and part.strip().isdecimal() else 0
        if not LEAST_WIDTH <= width <= MAX_SIDE or width % 4:
            raise InputError(
                f"give widths such as 1024,2048 from {LEAST_WIDTH} to {MAX_SIDE} that 4 divides, "
                f"not {part.strip()!r}"
            )
        widths.add(width)
    return sorted(widths)


def sized_configs(preset: str, widths: Sequence[int]) -> dict[int, dict[str, ModelConfig]]:
    """Return the three decoders of a preset for each width of the panorama.

    Viewport, strides and channels stay.

    Raises:
        InputError: there is no such preset, or the encoder's strides do not divide a width.
    """
    whole = {name: training_preset(preset, name)[0] for name in DECODERS}
    return {
        width: {n: c.replace(frame_width=width, frame_height=width // 2) for n, c in whole.items()}
        for width in widths
    }


def harbour_source(folder: Path, progress: Callable[[float], None]) -> Path:
    """Write one picture of the harbour town to a folder in ``folder``, for `measure_sizes`.

    Args:
        progress: called with the finished share, 0 to 1.
    """
    with FolderWriter(folder / "harbour") as writer:
        town = HarbourTown(SOURCE_WIDTH, SOURCE_WIDTH // 2, progress=progress)
        writer.write(town.frame(0.25))
    return folder / "harbour"


def measure_sizes(
    configs: Mapping[int, Mapping[str, ModelConfig]],
    source: Clip,
    device: torch.device,
    pictures: int,
    limit_s: float,
    advance: Callable[[str, int, int], None],
) -> Iterator[SizeResult | SizeFailure]:
    """Measure all methods, size by size, and yield each result when it is finished.

    A method that does not fit into memory, takes longer than ``limit_s`` or cannot be encoded
    yields a failure.

    Args:
        configs: from `sized_configs`.
        source: the clip or folder of pictures whose first second is encoded for the codecs.
        device: of the networks; codecs decode on the CPU.
        pictures: at most this many of each kind in each process.
        limit_s: seconds for the processes of one method at one size, and for making a clip.
        advance: called before each with its name, the number done and the total.
    """
    jobs = [(width, method) for width in configs for method in METHODS]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        for done, (width, method) in enumerate(jobs):
            advance(f"{METHODS[method]} at {width}x{width // 2}", done, len(jobs))
            try:
                if method in ENCODERS:
                    settings = _made(clip, source, method, width, limit_s)
                    viewport = _viewport(configs[width][DECODERS[0]])
                    task = SizeTask(METHODS[method], viewport, pictures, clip=clip)
                else:
                    settings, config = None, configs[width][method.removesuffix(CROPS)]
                    config = in_crops(config) if method in IN_CROPS else config
                    half = device.type == "cuda"
                    _check_memory("decoding", needed_bytes("decoding", config, half=half), device)
                    task = SizeTask(
                        METHODS[method], _viewport(config), pictures, str(device), config
                    )
                samples = repeated_samples(task, limit_s)
            except WorkerError as error:
                yield SizeFailure(method, (width // 2, width), str(error))
            else:
                yield _result(method, (width // 2, width), settings, samples)


def _viewport(config: ModelConfig) -> tuple[int, int]:
    return config.viewport_height, config.viewport_width


def _made(clip: Path, source: Clip, codec: str, width: int, limit_s: float) -> str:
    """Make ``clip`` and return a note on its settings."""
    _check_memory("encoding", encoding_bytes(width), torch.device("cpu"))
    return encode_clip(source, codec, width, clip, limit_s)


def _check_memory(what: str, bytes_: int, device: torch.device) -> None:
    free = free_bytes(device) * SAFE
    if bytes_ > free:
        raise OutOfMemoryError(
            f"{what} would take {bytes_ / 2**30:.1f} GiB, and {free / 2**30:.1f} can be used"
        )


def repeated_samples(task: SizeTask, limit_s: float) -> list[SizeSample]:
    """Measure in up to `PROCESSES` processes, fewer if another would exceed the limit."""
    started = time.monotonic()
    samples: list[SizeSample] = []
    while not samples or (
        len(samples) < PROCESSES
        and (time.monotonic() - started) * (len(samples) + 1) / len(samples) <= limit_s
    ):
        samples.append(measure_sample(dataclasses.replace(task, run=len(samples)), limit_s))
    return samples


def _result(
    method: str, frame: tuple[int, int], settings: str | None, samples: list[SizeSample]
) -> SizeResult:
    memory = sorted(sample.memory_bytes for sample in samples)

    def times(read: Callable[[SizeSample], list[Seconds]]) -> Times:
        return Times.of([seconds for sample in samples for seconds in read(sample)])

    return SizeResult(
        method,
        frame,
        looking=times(lambda sample: sample.looking),
        playing=times(lambda sample: sample.playing),
        jumping=times(lambda sample: sample.jumping),
        converting=times(lambda sample: sample.converting) if samples[0].converting else None,
        memory_bytes=round(statistics.median(memory)),
        memory_range=(memory[0], memory[-1]),
        memory_kind=samples[0].memory_kind,
        processes=len(samples),
        program=samples[0].program,
        settings=settings,
        machine=samples[0].machine,
    )
