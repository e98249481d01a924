"""The training loop (paper, section 3.1)."""

from __future__ import annotations

import copy
import logging
import math
import time as clock
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.devices import float64_device, training_precision
from nerv360.errors import InputError
from nerv360.memory import keep_freed_memory
from nerv360.networks import frame_times
from nerv360.progress import stage, track
from nerv360.scene import FORMAT_VERSION, StillPanorama
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.checkpoint import (
    TrainingState,
    check_optimiser,
    load_checkpoint,
    save_checkpoint,
)
from nerv360.training.dataset import (
    ActivityMap,
    ClipFrames,
    covered_directions,
    epoch_order,
    random_looks,
)
from nerv360.training.objective import Objective
from nerv360.training.optimiser import make_optimiser, optimiser_bytes
from nerv360.training.processes import Processes
from nerv360.training.quality import Quality, held_out_quality
from nerv360.training.settings import TrainingSettings

log = logging.getLogger(__name__)

EVALUATIONS = 20
"""Evaluations of a training whose length is given in steps."""

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class StepReport:
    """State of a training after one step.

    Attributes:
        epoch, step: of this step, counted from 1.
        steps: number of steps of the whole training.
        pictures: number of pictures trained on so far, by all processes.
        loss: of this step.
        psnr_db, moving_db: latest held-out PSNR, of all and of moving pixels.
        best_psnr_db: highest held-out PSNR so far.
    """

    epoch: int
    step: int
    steps: int
    pictures: int
    loss: float
    psnr_db: float | None
    best_psnr_db: float | None
    moving_db: float | None = None


class Trainer:
    """Trainer of one network on one clip.

    Nothing depends on a global random state: looks and the order of frames follow from the seed
    and the step, which makes a resumed run equal to an unbroken one, bit for bit.

    Attributes:
        saving: context in which checkpoints are written.
        after_saving: called in the first process after a checkpoint on the way.
        after_evaluation: called in every process; may move the end, `steps`.
        steps: of the whole training.
        evaluate_every: steps between two evaluations on the held-out looks.
        is_saved: whether a checkpoint holds the present step.
    """

    saving: Callable[[], AbstractContextManager[object]] = nullcontext
    after_saving: Callable[[], None] = staticmethod(lambda: None)
    after_evaluation: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self,
        config: ModelConfig,
        settings: TrainingSettings,
        frames: ClipFrames,
        device: torch.device,
        group: Processes,
        still: StillPanorama | None = None,
    ) -> None:
        """Start with random weights.

        Args:
            still: the still panorama, if the configuration has one; by default the clip's temporal
                median.
        """
        self.config, self.settings, self.frames = config, settings, frames
        self.device, self.group = device, group
        torch.manual_seed(settings.seed)
        self.still: StillPanorama | None = None
        if config.still_panorama:
            made = still is None
            self.still = _still_panorama(frames) if made else still
        self.network = Autoencoder(config, crops=settings.crops, still=self.still).to(device)
        if device.type == "cpu":
            keep_freed_memory()
        self.times = frame_times(len(frames)).to(float64_device(device))
        self.objective = Objective(self.network, settings, frames.coverage)
        self._activity: ActivityMap | None = None
        if self.still is not None and settings.looks_at_motion > 0:
            self._activity = ActivityMap(frames, self.still.pixels)
        self.optimiser = make_optimiser(self.network, settings)
        suits = self.network.decoder.suits_bfloat16
        self.precision = training_precision(device, suits_bfloat16=suits)
        # Gradients that float16 would round to zero are trained on a larger loss.
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.precision is torch.float16)
        self._covered: Tensor | None = None
        if frames.coverage is not None:
            self._covered = covered_directions(frames.coverage)
        self.steps_an_epoch = math.ceil(frames.pictures / group.count)
        self.steps = settings.steps or settings.epochs * self.steps_an_epoch
        self.evaluate_every = settings.evaluate_every * self.steps_an_epoch
        if settings.steps:
            self.evaluate_every = -(-settings.steps // EVALUATIONS)
        self.step = 0
        self.seconds = 0.0
        self.psnr_db: float | None = None
        self.moving_db: float | None = None
        self.best_psnr_db: float | None = None
        self.best: Weights = {}
        self._course: list[tuple[int, float]] = []
        self._began_at = 0
        self.is_saved = False
        self._whole = True  # not within an update of the weights or an evaluation

    def run(
        self,
        checkpoint: Path,
        report: Callable[[StepReport], None],
        stop: Callable[[], bool],
    ) -> bool:
        """Train to the end, or until ``stop`` says so; return whether the end was reached.

        A checkpoint is written after an evaluation or an epoch if the settings' time has passed,
        after a third of the steps, at a stop and at the end. If it cannot be written, the training
        goes on.

        Raises:
            InputError: the training has diverged.
        """
        saved = started = clock.monotonic()
        before = self.seconds
        before_third = 3 * self.step < self.steps
        while self.step < self.steps:
            epoch, position = divmod(self.step, self.steps_an_epoch)
            loss = self._train_step(epoch, position)
            self.is_saved = False
            self.step += 1
            if not math.isfinite(loss):
                raise InputError(
                    f"the training has diverged, its loss at step {self.step} is {loss}: give a "
                    f"lower learning_rate"
                )
            self.seconds = before + clock.monotonic() - started
            due = position + 1 == self.steps_an_epoch
            if self.step % self.evaluate_every == 0 or self.step == self.steps:
                due = True
                if self.group.is_first:
                    self.evaluate()
                if self.step < self.steps:
                    self.after_evaluation()
            self._whole = True
            reached_third = before_third and self.step < self.steps <= 3 * self.step
            if reached_third or (due and self._is_due(saved)):
                before_third = before_third and not reached_third
                self.save(checkpoint)
                if self.group.is_first and self.step < self.steps:
                    self.after_saving()
                saved = clock.monotonic()
            if self.group.is_first:
                report(self._report(epoch, loss))
            if self.group.any(stop(), self.device):
                self.save(checkpoint)
                return False
        self.save(checkpoint)
        return True

    def _report(self, epoch: int, loss: float) -> StepReport:
        pictures = self.step * self.group.count * self.settings.viewports
        quality = self.psnr_db, self.best_psnr_db, self.moving_db
        return StepReport(epoch + 1, self.step, self.steps, pictures, loss, *quality)

    def try_steps(self, count: int, enough_s: float) -> list[float]:
        """Take steps that leave no trace, before the first one; return the seconds of each.

        Args:
            count: of steps.
            enough_s: seconds after which no more is begun.
        """
        before = copy.deepcopy(self.network.state_dict())
        times: list[float] = []
        while len(times) < count and not self.group.any(sum(times) >= enough_s, self.device):
            started = clock.perf_counter()
            self._train_step(*divmod(len(times), self.steps_an_epoch))
            times.append(clock.perf_counter() - started)
        self.optimiser.zero_grad(set_to_none=True)
        self.network.load_state_dict(before)
        self.optimiser = make_optimiser(self.network, self.settings)
        enabled = self.precision is torch.float16
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=enabled)
        self._whole = True
        return times

    def try_evaluation(self) -> float:
        """Return the seconds of an evaluation that leaves no trace."""
        started = clock.perf_counter()
        self.network.eval()
        self._held_out()
        return clock.perf_counter() - started

    def resume(self, checkpoint: Path, *, keeps_end: bool = False) -> None:
        """Continue where ``checkpoint`` stood.

        The end may be another one, and the learning rate then falls towards it; so may the decibels
        that storing may cost.

        Args:
            checkpoint: its file.
            keeps_end: end where the training that wrote it was to end.

        Raises:
            InputError: it is missing, damaged, or of another clip, network or training.
        """
        values = load_checkpoint(checkpoint)
        try:
            state = TrainingState.from_dict(values)
            state.check_identity(self._identity())
            if keeps_end:
                self.steps, self.evaluate_every = state.steps, state.evaluate_every
            self._check_end(state)
            state.check_weights(self.network.state_dict())
            state.check_scaler(self._scaler.state_dict())
            make = partial(make_optimiser, settings=self.settings)
            check_optimiser(state.optimiser, self.network, make)
        except InputError as error:
            raise InputError(f"of the checkpoint {checkpoint}: {error}") from error
        self.network.load_state_dict(state.network)
        self.optimiser.load_state_dict(state.optimiser)
        self._scaler.load_state_dict(state.scaler or self._scaler.state_dict())
        self.best = {name: tensor.to(self.device) for name, tensor in state.best.items()}
        self.step, self.seconds = state.step, state.seconds
        self.psnr_db, self.best_psnr_db = state.psnr_db, state.best_psnr_db
        self.moving_db = state.moving_db
        self._began_at = self.step
        self.is_saved = self._whole = True

    @property
    def checkpoint_bytes(self) -> int:
        """Size of a checkpoint, at most."""
        weights = sum(w.numel() * w.element_size() for w in self.network.state_dict().values())
        names = 2**10 * len(self.network.state_dict()) + 2**16
        return 2 * weights + optimiser_bytes(self.network, self.settings) + names

    def evaluate(self) -> None:
        """Measure the current network on the held-out looks; keep its weights if it is the best."""
        self.network.eval()
        quality = self._held_out()
        self.psnr_db, self.moving_db = quality.psnr_db, quality.moving_db
        self._course.append((self.step, quality.psnr_db))
        if self.best_psnr_db is None or self.psnr_db > self.best_psnr_db:
            self.best_psnr_db = self.psnr_db
            self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def late_gain_db(self) -> float | None:
        """Return the decibels by which the last third of the steps raised the held-out PSNR.

        None unless it was measured in the third before that, too, and None after `resume`: a
        checkpoint has no earlier measurements.
        """
        if self._began_at:
            return None
        thirds: list[list[float]] = [[], [], []]
        for step, psnr in self._course:
            thirds[(3 * step > self.step) + (3 * step > 2 * self.step)].append(psnr)
        first, middle, last = thirds
        if not middle or not last:
            return None
        return max(max(last) - max(first + middle), 0.0)

    def _held_out(self) -> Quality:
        return held_out_quality(
            self.network,
            self.frames,
            self.times,
            self.settings.held_out,
            precision=self._half_precision,
        )

    def best_network(self) -> Autoencoder:
        """Return a copy with the best weights on the held-out looks, or the current ones."""
        network = copy.deepcopy(self.network)
        if self.best:
            network.load_state_dict(self.best)
        return network.eval()

    def _train_step(self, epoch: int, position: int) -> float:
        order = epoch_order(self.frames.pictures, self.settings.seed, epoch)
        picture = order[(position * self.group.count + self.group.rank) % len(order)]
        index = self.frames.frame_showing(picture, epoch)
        draw = self.step * self.group.count + self.group.rank
        looks = self._looks(index, draw).to(self.times.device)
        frame = self.frames.planes(index, self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        self.network.train()
        with self._half_precision():
            decoded = self.network(frame, self.times[index : index + 1], looks)
        loss: Tensor = self.objective(decoded, frame, looks, index)
        self.optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.group.average_gradients(self.network.parameters())
        # A checkpoint of an unfinished step would not resume bit for bit.
        self._whole = False
        self._scaler.step(self.optimiser)  # not at all if a gradient is too large for float16
        self._scaler.update()
        return float(loss.detach())

    def _looks(self, index: int, draw: int) -> Tensor:
        """Return the looks of a step at frame ``index``, N×4."""
        weights = self._activity.weights(index) if self._activity is not None else None
        moving = (self.settings.looks_at_motion, weights) if weights is not None else None
        count, seed = self.settings.viewports, self.settings.seed
        return random_looks(self.config, count, seed, draw, moving, self._covered)

    def _learning_rate(self) -> float:
        warmup = max(1, round(self.settings.warmup * self.steps))
        if self.step < warmup:
            return self.settings.learning_rate * (self.step + 1) / warmup
        done = (self.step - warmup) / max(1, self.steps - warmup)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _half_precision(self) -> AbstractContextManager[Any]:
        """Return a context that casts to `precision`."""
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _is_due(self, saved: float) -> bool:
        return clock.monotonic() - saved >= self.settings.checkpoint_s

    def _identity(self) -> dict[str, Any]:
        settings = self.settings.to_dict()
        for free in ("checkpoint_s", "epochs", "steps", "rate"):
            del settings[free]
        return {
            "version of the networks": FORMAT_VERSION,
            "network": self.config.to_dict(),
            "training": settings,
            "clip": [len(self.frames), self.frames.digest],
            "number of processes": self.group.count,
        }

    def _check_end(self, state: TrainingState) -> None:
        """Raise InputError if the end of this training lies before ``state``."""
        complete = state.step == self.steps == state.steps
        if state.step >= self.steps and not complete:
            done = -(-state.step // self.steps_an_epoch)
            wanted = f"{self.settings.epochs} epochs have {self.steps}"
            more = f"{done} epochs"
            if self.settings.steps:
                wanted, more = f"{self.steps} are wanted", f"{state.step} steps"
            raise InputError(
                f"it has {state.step} steps already, and {wanted}: give more than {more}"
            )

    def save(self, path: Path) -> bool:
        """Write a checkpoint, in the first process; return False, with a warning, if it failed.

        Nothing is written, and False returned, if a step or its evaluation was broken off: a
        training resumed from there would differ from an unbroken one.
        """
        self.is_saved = False
        if not self.group.is_first or not self._whole:
            return False
        state = TrainingState(
            identity=self._identity(),
            network=self.network.state_dict(),
            scaler=self._scaler.state_dict(),
            best=self.best,
            optimiser=self.optimiser.state_dict(),
            step=self.step,
            steps=self.steps,
            evaluate_every=self.evaluate_every,
            seconds=self.seconds,
            psnr_db=self.psnr_db,
            best_psnr_db=self.best_psnr_db,
            moving_db=self.moving_db,
        )
        try:
            with self.saving():
                save_checkpoint(path, state.to_dict())
        except InputError as error:
            log.warning("%s; the training goes on", error)
            return False
        self.is_saved = True
        return True


def _still_panorama(frames: ClipFrames) -> StillPanorama:
    """Make the still panorama of a clip, and the motion map of each of its frames."""
    with stage("finding what stands still"):
        picture = frames.still_bytes()
    return StillPanorama.of(picture, track(frames.bytes, "finding what moves"), frames.shown)
