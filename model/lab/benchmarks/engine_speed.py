"""Speed and memory of engines."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.decoding import (
    ENGINES,
    EagerEngine,
    Engine,
    picture_seconds,
    picture_size,
    place_of,
    timed_pictures,
)
from nerv360.geometry import Look
from nerv360.lab.benchmarks.ceilings import Ceilings, precision_name, wait_for
from nerv360.lab.benchmarks.machine import Report
from nerv360.lab.worker import reason_of
from nerv360.networks import (
    build_decoder,
    count_flops,
    count_traffic,
    in_crops,
    motion_size,
    shows_frames,
)
from nerv360.scene import Attribution, Decoder, Scene, StillPanorama, TrainingSummary

WARM_UP = 5
CROPS = " crops"
"""Ends the names of full-frame decoders that decode only the crop that a look sees."""
PAPER_FPS = {"nerv360": 38.4, "hnerv": 15.0, "hnerv-boost": 5.0}
PAPER_GIB = {"nerv360": 3.6, "hnerv": 26.2, "hnerv-boost": 30.3}


@dataclass(frozen=True)
class Timing:
    """Milliseconds per picture: the median, and the 99th percentile (1 % low of the rate).

    Attributes:
        share: of the pictures that was decoded, 0 to 1, on average; see `Picture.share`.
    """

    median_ms: float
    slowest_percent_ms: float
    share: float = 1.0

    @property
    def fps(self) -> float:
        """Pictures per second at the median."""
        return 1000 / self.median_ms


@dataclass(frozen=True)
class EngineResult:
    """Measurements of one engine of one decoder.

    Attributes:
        precision: type of the numbers that its convolutions multiply, such as ``float32``.
        looking: the look changes and the frame stays, as when dragging in a paused scene. None for
            whole frames: the viewer does not decode them again for another look.
        playing: both change with every picture.
        stages_ms: milliseconds per picture by stage of the network; only for the eager engine.
        flops: floating-point operations of a picture.
        look_flops: operations per look, without the expansion that all looks at a frame share.
        traffic_bytes: `count_traffic` of a picture, in its precision.
        memory_mib: on CUDA, since the engine was opened: torch's peak of allocated and of reserved
            memory, including graphs' pools, and the GPU memory in use by the driver's count.
    """

    decoder: str
    engine: str
    device: str
    precision: str
    size: tuple[int, int]
    looking: Timing | None
    playing: Timing
    stages_ms: dict[str, float]
    flops: int
    look_flops: int
    traffic_bytes: int
    memory_mib: dict[str, float]


@dataclass(frozen=True)
class EngineFailure:
    """An engine that could not be made or measured, and why."""

    decoder: str
    engine: str
    device: str
    failed: str


@dataclass(frozen=True)
class DecoderMemory:
    """Memory of a process that opens only one decoder: median, range, and its description."""

    bytes: int
    range: tuple[int, int]
    kind: str


@dataclass(frozen=True)
class MemoryFailure:
    """The reason why a decoder's memory could not be measured."""

    failed: str


@dataclass(frozen=True)
class UploadSpeed:
    """Uploads of one size of picture.

    Attributes:
        size: height and width.
        path: name of the upload, as in the overlay.
        renderer: OpenGL's name for its renderer.
        median_ms: until OpenGL had finished.
    """

    size: tuple[int, int]
    path: str
    renderer: str
    median_ms: float


@dataclass(frozen=True, kw_only=True)
class EngineReport(Report):
    """Every engine of the decoders, beside the machine's limits; memory is by decoder."""

    ceilings: Ceilings
    engines: list[EngineResult | EngineFailure]
    memory: dict[str, DecoderMemory | MemoryFailure]
    uploads: list[UploadSpeed]

    @property
    def measured(self) -> list[EngineResult]:
        """Engines that could be measured."""
        return [engine for engine in self.engines if isinstance(engine, EngineResult)]


def random_decoder(config: ModelConfig, frames: int = 4) -> Decoder:
    """Create an untrained decoder: as fast and as large as a trained one."""
    torch.manual_seed(0)
    weights = build_decoder(config).state_dict()
    coarsest, *finer = (torch.randn(frames, *shape) for shape in config.embedding_shapes)
    still: StillPanorama | None = None
    if config.still_panorama:
        size = (config.frame_height, config.frame_width)
        grey = torch.full((*size, 3), 128, dtype=torch.uint8)
        still = StillPanorama.of(grey, [grey])
        still.motion = torch.randint(256, (frames, *motion_size(*size)), dtype=torch.uint8)
    summary = TrainingSummary(0, 0, None, None, 0.0)
    return Decoder(config, weights, coarsest, summary, tuple(finer), still)


def beside_crops(decoders: Mapping[str, Decoder]) -> dict[str, Decoder]:
    """Return each decoder, and after a full-frame one the same in the crop that a look sees."""
    result: dict[str, Decoder] = {}
    for name, decoder in decoders.items():
        result[name] = decoder
        if shows_frames(decoder.config):
            result[name + CROPS] = replace(decoder, config=in_crops(decoder.config))
    return result


def random_scene(config: ModelConfig, frames: int = 4, fps: float = 30.0) -> Scene:
    """Create a scene of one untrained decoder, named by its architecture."""
    name, size = config.architecture, (config.frame_width, config.frame_height)
    attribution = Attribution(f"random {name}", "none", "nobody", "none")
    return Scene(attribution, *size, fps, frames, {name: random_decoder(config, frames)})


def program_of(engine: Engine) -> str:
    """Return the engine's name and its precision."""
    precision = precision_name(engine.precision)
    return f"{engine.name.removesuffix(f'-{precision}')} engine, {precision}"


def engines_for(decoder: Decoder, device: torch.device) -> dict[str, Callable[[], Engine]]:
    """Return the functions that open each engine suited to ``decoder`` and ``device``, by name.

    Engines are opened at the decoder's trained size.
    """
    size = picture_size(decoder.config)
    openers: dict[str, Callable[[], Engine]] = {
        kind.name: partial(kind.open, decoder, device, size)
        for kind in ENGINES.values()
        if kind.suits(decoder.config, device)
    }
    if device.type != "cuda":
        return openers
    return {name: partial(_opened_afresh, it, device) for name, it in openers.items()}


def _opened_afresh(opener: Callable[[], Engine], device: torch.device) -> Engine:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return opener()


def _gpu_memory(device: torch.device) -> dict[str, float]:
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    counted = {
        "allocated": torch.cuda.max_memory_allocated(device),
        "reserved": torch.cuda.max_memory_reserved(device),
        "driver": total - free,
    }
    return {name: size / 2**20 for name, size in counted.items()}


def measure_engines(
    decoders: Mapping[str, Decoder],
    device: torch.device,
    pictures: int,
    advance: Callable[[int, int], None],
) -> list[EngineResult | EngineFailure]:
    """Measure every engine of every decoder, one after the other.

    Args:
        decoders: by name.
        pictures: of each measurement.
        advance: called before each engine with the number done and the total.
    """
    jobs = [
        (name, decoder, engine, opener)
        for name, decoder in decoders.items()
        for engine, opener in engines_for(decoder, device).items()
    ]
    results: dict[int, EngineResult | EngineFailure] = {}
    # Engines that are compiled come first: cuDNN keeps the plan of a shape's first run for this
    # thread, and only they let it measure one.
    for number in sorted(
        range(len(jobs)), key=lambda number: not ENGINES[jobs[number][2]].compiles
    ):
        advance(len(results), len(jobs))
        name, decoder, engine, opener = jobs[number]
        results[number] = try_engine(opener, engine, name, decoder, device, pictures)
    return [results[number] for number in range(len(jobs))]


def try_engine(
    opener: Callable[[], Engine],
    engine: str,
    name: str,
    decoder: Decoder,
    device: torch.device,
    pictures: int,
) -> EngineResult | EngineFailure:
    """Open and measure an engine; return a failure instead of raising.

    A missing compiler must not cost the other engines' results.

    Args:
        engine: its name, in case of a failure.
        name: the decoder's.
    """
    frames = decoder.embeddings.shape[0]
    try:
        return measure_engine(opener(), name, decoder.config, frames, pictures)
    except Exception as error:
        return EngineFailure(name, engine, str(device), reason_of(error))


def measure_engine(
    engine: Engine, name: str, config: ModelConfig, frames: int, pictures: int
) -> EngineResult:
    """Time ``pictures`` pictures looking and playing; whole frames only playing."""
    looks = [Look.from_degrees(5.0 * k, (k % 9) * 10.0 - 40.0) for k in range(pictures)]
    stages = _stage_times(engine, frames) if isinstance(engine, EagerEngine) else {}
    return EngineResult(
        decoder=name,
        engine=engine.name,
        device=place_of(engine),
        precision=precision_name(engine.precision),
        size=engine.size,
        looking=None if engine.full_frame else _timing(engine, [(look, 0) for look in looks]),
        playing=_timing(engine, [(look, k % frames) for k, look in enumerate(looks)]),
        stages_ms=stages if engine.name == "eager" else {},
        flops=count_flops(config),
        look_flops=count_flops(config, look_alone=True),
        traffic_bytes=count_traffic(config, engine.precision.itemsize),
        memory_mib=_gpu_memory(engine.device),
    )


def _timing(engine: Engine, requests: list[tuple[Look, int]]) -> Timing:
    picture_seconds(engine, requests[:WARM_UP])
    times, share = timed_pictures(engine, requests)
    seconds = sorted(times)
    slowest = seconds[min(len(seconds) - 1, round(0.99 * len(seconds)))]
    return Timing(statistics.median(seconds) * 1000, slowest * 1000, round(share, 3))


def _stage_times(engine: EagerEngine, frames: int) -> dict[str, float]:
    """Measure the median milliseconds of each top-level part of the network over a few pictures."""
    spans: dict[str, list[float]] = {}
    handles = []
    for name, module in _parts(engine.network).items():
        started: list[float] = []

        def before(_: nn.Module, __: Any, started: list[float] = started) -> None:
            wait_for(engine.device)
            started.append(time.perf_counter())

        def after(
            _: nn.Module, __: Any, ___: Tensor, name: str = name, started: list[float] = started
        ) -> None:
            wait_for(engine.device)
            spans.setdefault(name, []).append(time.perf_counter() - started.pop())

        handles += [
            module.register_forward_pre_hook(before),
            module.register_forward_hook(after),
        ]
    try:
        for k in range(2 * WARM_UP):
            engine.decode(Look.from_degrees(7.0 * k, 0.0), k % frames)
    finally:
        for handle in handles:
            handle.remove()
    return {name: statistics.median(times) * 1000 for name, times in spans.items()}


def _parts(network: nn.Module) -> dict[str, nn.Module]:
    """Return the expansion or stem, each stage, and the head of a network, if it has them."""
    parts: dict[str, nn.Module] = {}
    for name, child in network.named_children():
        if name == "stages":
            parts |= {f"stage {number}": stage for number, stage in child.named_children()}
        elif name in ("expansion", "stem", "head"):
            parts[name] = child
    return parts
