"""Measure rates and qualities: networks at several precisions, codecs at several CRFs."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from nerv360.clip_pictures import ClipPictures
from nerv360.config import ModelConfig
from nerv360.decoding import decoded_look, open_engine
from nerv360.lab.benchmarks import METHODS, Report
from nerv360.lab.evaluation import (
    CODECS,
    DecoderMethod,
    Method,
    VideoMethod,
    encode_with_crf,
    measure_path,
)
from nerv360.lab.rates.bjontegaard import RateDifference
from nerv360.lab.rates.variants import NetworkVariant
from nerv360.metrics import pooled
from nerv360.networks import count_parameters
from nerv360.scene import (
    Attribution,
    Coarseness,
    bytes_alone,
    coarsened,
    read_scene,
    write_scene,
)
from nerv360.training import (
    ClipFrames,
    Processes,
    Trainer,
    TrainingSettings,
    read_clip,
    trained_scene,
)
from nerv360.trajectories import Trajectory
from nerv360.video import Clip, VideoWriter

RATES = tuple(
    Coarseness(levels, bits) for levels, bits in ((16, 8), (32, 8), (64, 9), (32, 12), (256, 12))
)
"""Precisions at which a trained network is stored.

Weights of 8 or 9 bits cost HNeRV over 10 dB, because its GELUs pass on accumulated rounding. So
there are coarse embeddings with fine weights too.
"""
CRFS = {"x265": (51, 46, 41, 36, 31, 26, 21), "av1": (63, 57, 51, 45, 39, 33, 27)}

Advance = Callable[[str], None]


@dataclass(frozen=True)
class RatePoint:
    """One file of a method and its quality.

    Attributes:
        setting: readable description of the rate.
        bytes: size of the file: one decoder with its still panorama, or a clip.
        psnr_db: mean over the pictures of all paths.
        moving_db: PSNR of the moving pixels of all pictures (`nerv360.metrics.moving`); None if
            nothing moves.
        paths: both PSNRs by path.
    """

    setting: str
    bytes: int
    psnr_db: float
    moving_db: float | None
    paths: dict[str, tuple[float, float | None]]

    def quality(self, metric: str) -> float | None:
        """Return the PSNR of one of `nerv360.lab.rates.METRICS`."""
        return {"psnr_db": self.psnr_db, "moving_db": self.moving_db}[metric]


@dataclass(frozen=True)
class RateCurve:
    """A method at several rates, from the fewest bytes to the most.

    Attributes:
        architecture: of a network; None for a codec.
        seconds: of the training, or of all encodings.
        points: at least one.
        parameters, steps, network, training: of a network: number of parameters and steps,
            configuration and training settings.
        rate_difference: to x265, by metric, as `compared` finds it.
    """

    method: str
    title: str
    architecture: str | None
    note: str
    seconds: float
    points: list[RatePoint]
    parameters: int | None = None
    steps: int | None = None
    network: ModelConfig | None = None
    training: TrainingSettings | None = None
    rate_difference: dict[str, RateDifference | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RatesReport(Report):
    """Quality against bytes.

    Attributes:
        scale: fraction of the preset's sides.
        clip: name of its file.
        frames: number of frames.
        frame, viewport: height and width.
        paths: names of the gaze paths.
        epochs: of each training.
        methods: names of all methods, finished or not.
        complete: all methods are finished.
    """

    table: int = 3
    preset: str
    scale: str
    clip: str
    frames: int
    fps: float
    frame: tuple[int, int]
    viewport: tuple[int, int]
    hfov_deg: float
    paths: list[str]
    epochs: int
    methods: list[str]
    complete: bool
    rows: list[RateCurve]


def prepared_clip(source: Clip, size: tuple[int, int], limit: int | None, output: Path) -> None:
    """Write the first ``limit`` pictures of a clip, resized to ``size``, losslessly in 4:2:0.

    4:2:0 is what codecs take. Every method learns or encodes this clip and is compared with it.

    Args:
        size: height and width.

    Raises:
        InputError: the clip cannot be read.
    """
    frames = read_clip(source, size, limit)
    height, width = size
    with VideoWriter(output, width, height, frames.info.fps, crf=0, preset="fast") as writer:
        for index in range(len(frames)):
            writer.write(frames.picture(index))


class PathBench:
    """Bench that measures methods along gaze paths through a clip, at the same looks and size."""

    def __init__(
        self, clip: Path, size: tuple[int, int], hfov_deg: float, trajectories: Iterable[Trajectory]
    ) -> None:
        """Level the paths, at the field of view that networks are trained for.

        Args:
            size: height and width of the viewports.

        Raises:
            InputError: a path shows frames that the clip does not have.
        """
        self.clip, self.size = clip, size
        self.original = ClipPictures(clip)
        self.info = self.original.info
        hfov = math.radians(hfov_deg)
        self.paths = {
            path.name: [
                replace(step, look=decoded_look(step.look, (hfov, hfov)))
                for step in path.steps(self.info.frames, self.info.fps)
            ]
            for path in trajectories
        }

    @property
    def pictures(self) -> int:
        """Number of viewports of one point."""
        return sum(len(steps) for steps in self.paths.values())

    def point(self, method: Method, setting: str, advance: Callable[[], None]) -> RatePoint:
        """Measure ``method`` along all paths; ``advance`` is called after each viewport."""
        still = self.original.still(self.info.frames)
        results = [
            measure_path(method, name, steps, self.original, still, self.size, advance)
            for name, steps in self.paths.items()
        ]
        moving = pooled(result.moving for result in results).db
        ratios = [row.psnr_db for result in results for row in result.rows]
        return RatePoint(
            setting=setting,
            bytes=method.bytes,
            psnr_db=_rounded(sum(ratios) / len(ratios)),
            moving_db=None if moving is None else _rounded(moving),
            paths={
                result.path: (
                    _rounded(result.psnr_db),
                    None if result.moving.db is None else _rounded(result.moving.db),
                )
                for result in results
            },
        )


def planned_units(bench: PathBench, variants: Sequence[NetworkVariant]) -> int:
    """Count the steps of all trainings and the viewports of all points together."""
    points = sum(len(crfs) for crfs in CRFS.values()) + len(RATES) * len(variants)
    epochs = sum(variant.settings.epochs for variant in variants)
    return points * bench.pictures + epochs * bench.info.frames


class _StoppedError(Exception):
    """Error: the user asked to stop in the middle of a method."""


def measure_rates(
    bench: PathBench,
    variants: Sequence[NetworkVariant],
    frames: ClipFrames,
    device: torch.device,
    advance: Advance,
    stop: Callable[[], bool],
) -> Iterator[RateCurve]:
    """Encode or train, then measure, one method after the other, and yield each finished curve.

    Codecs come first.

    Args:
        frames: of the bench's clip.
        advance: called with the current activity, after each step of a training and each viewport.
        stop: returns True to end soon, without the method in progress.
    """

    def step(label: str) -> None:
        advance(label)
        if stop():
            raise _StoppedError

    try:
        for codec in CODECS:
            yield _codec(bench, codec, step)
        for variant in variants:
            yield _network(bench, variant, frames, device, step)
    except _StoppedError:
        return


def _codec(bench: PathBench, codec: str, advance: Advance) -> RateCurve:
    title, points, note, seconds = METHODS[codec], [], "", 0.0
    with tempfile.TemporaryDirectory() as folder:
        for crf in CRFS[codec]:
            file = Path(folder) / f"{crf}.mp4"
            started = time.monotonic()
            encoding = encode_with_crf(bench.original.clip, bench.info.frames, codec, crf, file)
            seconds += time.monotonic() - started
            note = encoding.note.replace(f", crf {crf}", "")
            method = VideoMethod(codec, encoding.bytes, encoding.note, file, bench.size)
            label = f"{title}, CRF {crf}"
            points.append(bench.point(method, f"CRF {crf}", partial(advance, label)))
    return RateCurve(codec, title, None, note, round(seconds, 2), _by_bytes(points))


def _network(
    bench: PathBench,
    variant: NetworkVariant,
    frames: ClipFrames,
    device: torch.device,
    advance: Advance,
) -> RateCurve:
    trainer = Trainer(variant.config, variant.settings, frames, device, Processes())
    architecture = variant.config.architecture
    points, note = [], ""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, file = Path(folder) / "checkpoint", Path(folder) / "scene.safetensors"
        trainer.run(
            checkpoint,
            lambda report: advance(f"{variant.title}, loss {report.loss:.2f}"),
            lambda: False,
        )
        scene = trained_scene(trainer, Attribution(bench.clip.stem, "unknown", "unknown", ""))
        for rate in RATES:
            write_scene(file, coarsened(scene, rate))
            engine = open_engine(read_scene(file), architecture, device, bench.size)
            size = (bench.info.height, bench.info.width)
            method = DecoderMethod(
                variant.name, bytes_alone(file, architecture), engine, bench.size, size
            )
            note, setting = method.note, _setting(rate)
            label = f"{variant.title}, {setting}"
            points.append(bench.point(method, setting, partial(advance, label)))
    return RateCurve(
        variant.name,
        variant.title,
        architecture,
        note,
        round(trainer.seconds, 2),
        _by_bytes(points),
        count_parameters(variant.config),
        trainer.step,
        variant.config,
        variant.settings,
    )


def _setting(rate: Coarseness) -> str:
    return f"{rate.levels} levels, {rate.weight_bits} bits"


def _by_bytes(points: list[RatePoint]) -> list[RatePoint]:
    return sorted(points, key=lambda point: point.bytes)


def _rounded(db: float) -> float:
    return round(db, 3)
