"""The paper's table 2: ablations of NeRV360, trained briefly on a clip."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nerv360.config import ModelConfig
from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.lab.benchmarks.machine import Report
from nerv360.lab.benchmarks.table1 import needed_bytes
from nerv360.networks import count_flops, count_parameters
from nerv360.training import ClipFrames, Processes, StepReport, Trainer, TrainingSettings


@dataclass(frozen=True)
class Variant:
    """A row of table 2, with the paper's PSNR in dB.

    The paper's numbers are along its two paths on the Balboa sequence, with 17.6 M parameters after
    300 epochs.
    """

    name: str
    config: ModelConfig
    paper_vp0_db: float
    paper_vp1_db: float


@dataclass(frozen=True)
class Ablation:
    """Results of a variant, trained once per seed.

    They are measured over the held-out looks after the last epoch, not after the best one.

    Attributes:
        flops: of a picture.
        steps, seconds: of one training; the seconds are the mean.
        seeds, psnr_db, moving_db: one value per training; the PSNR of the moving pixels
            (`nerv360.metrics.moving`) is None if nothing moves.
    """

    name: str
    embedding: tuple[int, int, int]
    parameters: int
    flops: int
    steps: int
    seconds: float
    seeds: list[int]
    psnr_db: list[float]
    moving_db: list[float | None]
    paper_vp0_db: float
    paper_vp1_db: float


@dataclass(frozen=True, kw_only=True)
class Table2(Report):
    """The paper's table 2, measured.

    Attributes:
        scale: fraction of the preset's sides.
        clip: name of its file.
        frames: number of frames.
        frame, viewport: height and width.
        training: settings of all trainings.
        complete: all variants are finished.
    """

    table: int = 2
    preset: str
    scale: str
    clip: str
    frames: int
    frame: tuple[int, int]
    viewport: tuple[int, int]
    training: TrainingSettings
    seeds: list[int]
    complete: bool
    rows: list[Ablation]


def mean_and_spread(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Return mean and sample standard deviation (0 for one value); None if a value is missing."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else 0.0


def differences(values: Sequence[float | None], base: Sequence[float | None]) -> list[float | None]:
    """Subtract ``base`` from ``values``, seed by seed."""
    pairs = zip(values, base, strict=True)
    return [a - b if a is not None and b is not None else None for a, b in pairs]


def table2_variants(base: ModelConfig) -> list[Variant]:
    """Return ``base`` and the paper's six changes to it, all with the widths of ``base``.

    Their numbers of parameters are within 1 %, except for the last: it lacks the layers for yaw and
    pitch. Widening it to compensate would make it another network, with 2.3 times the operations
    for preset ``demo``.

    All but the last condition on yaw and pitch like the paper's network, even if ``base`` does not.
    For a lower resolution of the embedding the encoder gets one more stage. The viewport is
    projected at its usual size, so the decoder stays the same.
    """
    base = base.replace(condition_on_look=True)

    def coarse(factor: int, channels: int) -> ModelConfig:
        return base.replace(
            encoder_strides=(*base.encoder_strides, factor),
            embedding_channels=base.embedding_channels * channels,
        )

    rows = [
        ("NeRV360", base, 26.69, 27.00),
        ("4x channels, 1/2 resolution", coarse(2, 4), 26.34, 26.66),
        ("16x channels, 1/4 resolution", coarse(4, 16), 24.74, 24.89),
        ("1x channels, 1/2 resolution", coarse(2, 1), 25.29, 25.40),
        ("1x channels, 1/4 resolution", coarse(4, 1), 24.02, 23.45),
        ("expansion after extraction", base.replace(expand_before_projection=False), 25.34, 25.69),
        ("STAT without yaw and pitch", base.replace(condition_on_look=False), 26.51, 26.85),
    ]
    return [Variant(*row) for row in rows]


def brief_training(settings: TrainingSettings, epochs: int) -> TrainingSettings:
    """Return ``settings`` for ``epochs``, with an evaluation only after the last one."""
    return dataclasses.replace(
        settings, epochs=epochs, evaluate_every=epochs, checkpoint_s=86_400.0
    )


def check_training_memory(config: ModelConfig, frames: int, device: torch.device) -> None:
    """Check that training ``config`` on this many frames fits into memory.

    Raises:
        InputError: it does not.
    """
    clip = frames * config.frame_height * config.frame_width * 3
    cuda = device.type == "cuda"
    host = torch.device("cpu")
    needs = [(needed_bytes("training", config, half=cuda) + (0 if cuda else clip), device)]
    needs += [(clip, host)] if cuda else []
    for bytes_, place in needs:
        free = free_bytes(place)
        if bytes_ > free:
            raise InputError(
                f"training at {config.frame_width}x{config.frame_height} on "
                f"{frames} frames would take {bytes_ / 2**30:.1f} GiB and {free / 2**30:.1f} are "
                f"free on the {place.type}; try a smaller scale or fewer frames"
            )


def train_variants(
    chosen: list[Variant],
    settings: TrainingSettings,
    frames: ClipFrames,
    device: torch.device,
    seeds: Sequence[int],
    report: Callable[[Variant, StepReport], None],
    stop: Callable[[], bool],
) -> Iterator[Ablation]:
    """Train each variant from each seed, and yield its results when it is finished.

    ``stop`` ends this at the next step, without the variant in progress.
    """
    for variant in chosen:
        steps, seconds, psnr, moving = 0, [], [], []
        for seed in seeds:
            seeded = dataclasses.replace(settings, seed=seed)
            trainer = Trainer(variant.config, seeded, frames, device, Processes())
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = Path(folder) / "checkpoint"
                finished = trainer.run(checkpoint, partial(report, variant), stop)
            if not finished or trainer.psnr_db is None:
                return
            steps = trainer.step
            seconds.append(trainer.seconds)
            psnr.append(round(trainer.psnr_db, 3))
            moving.append(None if trainer.moving_db is None else round(trainer.moving_db, 3))
        yield Ablation(
            name=variant.name,
            embedding=(variant.config.embedding_channels, *variant.config.embedding_size),
            parameters=count_parameters(variant.config),
            flops=count_flops(variant.config),
            steps=steps,
            seconds=round(statistics.fmean(seconds), 2),
            seeds=list(seeds),
            psnr_db=psnr,
            moving_db=moving,
            paper_vp0_db=variant.paper_vp0_db,
            paper_vp1_db=variant.paper_vp1_db,
        )
