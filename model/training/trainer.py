"""The training loop (paper, section 3.1)."""

from __future__ import annotations

import copy
import logging
import math
import time as clock
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor

from nerv360.errors import InputError
from nerv360.memory import release_freed_memory
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.checkpoint import (
    SavingTimes,
    TrainingState,
    check_optimiser,
    load_checkpoint,
    save_checkpoint,
    training_identity,
)
from nerv360.training.learner import Learner
from nerv360.training.optimiser import make_optimiser, optimiser_bytes
from nerv360.training.quality import Quality, held_out_quality, late_gain

log = logging.getLogger(__name__)

EVALUATIONS = 20
"""Evaluations of a training whose length is given in steps."""

_PROGRESS = ("step", "seconds", "psnr_db", "best_psnr_db", "moving_db")
"""Attributes of a trainer that its checkpoints have under the same names."""


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


class Trainer(Learner):
    """Trainer of one network on one clip, which evaluates it and writes checkpoints.

    A resumed run is equal to an unbroken one, bit for bit.

    Attributes:
        saving: context in which checkpoints are written.
        after_saving: called in the first process after a checkpoint on the way.
        after_evaluation: called in every process; may move the end, `steps`.
        seconds: that the steps took, evaluations included.
        psnr_db, moving_db: latest held-out PSNR, of all and of moving pixels.
        best_psnr_db, best: highest held-out PSNR, and the weights that had it.
        is_saved: whether a checkpoint holds the present step.
    """

    saving: Callable[[], AbstractContextManager[object]] = nullcontext
    after_saving: Callable[[], None] = staticmethod(lambda: None)
    after_evaluation: Callable[[], None] = staticmethod(lambda: None)
    seconds = 0.0
    psnr_db: float | None = None
    moving_db: float | None = None
    best_psnr_db: float | None = None
    best: Mapping[str, Tensor] = MappingProxyType({})
    is_saved = False
    _course: tuple[tuple[int, float], ...] = ()
    _resumed = False

    @cached_property
    def evaluate_every(self) -> int:
        """Steps between two evaluations on the held-out looks."""
        if self.settings.steps:
            return -(-self.settings.steps // EVALUATIONS)
        return self.settings.evaluate_every * self.steps_an_epoch

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
        started = clock.monotonic()
        before = self.seconds
        times = SavingTimes(self.settings.checkpoint_s, self.step, self.steps)
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
            if times.is_due(self.step, self.steps, between=due):
                self.save(checkpoint)
                if self.group.is_first and self.step < self.steps:
                    self.after_saving()
                times.begin_interval()
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
            state.check_identity(self._identity)
            if keeps_end:
                self.steps, self.evaluate_every = state.steps, state.evaluate_every
            state.check_end(self.steps, self.settings, self.steps_an_epoch)
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
        for name in _PROGRESS:
            setattr(self, name, getattr(state, name))
        self._resumed = self.step > 0
        self.is_saved = self._whole = True

    @property
    def _identity(self) -> dict[str, Any]:
        return training_identity(self.config, self.settings, self.frames, self.group.count)

    @property
    def checkpoint_bytes(self) -> int:
        """Size of a checkpoint, at most."""
        weights = sum(w.numel() * w.element_size() for w in self.network.state_dict().values())
        names = 2**10 * len(self.network.state_dict()) + 2**16
        return 2 * weights + optimiser_bytes(self.network, self.settings) + names

    def evaluate(self) -> None:
        """Measure the current network on the held-out looks; keep its weights if it is the best."""
        self.network.eval()
        if self.device.type == "cpu":
            release_freed_memory()  # of the steps, which an evaluation cannot take all of
        quality = self._held_out()
        self.psnr_db, self.moving_db = quality.psnr_db, quality.moving_db
        self._course += ((self.step, quality.psnr_db),)
        if self.best_psnr_db is None or self.psnr_db > self.best_psnr_db:
            self.best_psnr_db = self.psnr_db
            self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def late_gain_db(self) -> float | None:
        """Return the decibels by which the last third of the steps raised the held-out PSNR.

        None unless it was measured in the third before that, too, and None after `resume`: a
        checkpoint has no earlier measurements.
        """
        if self._resumed:
            return None
        return late_gain(self._course, self.step)

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

    def save(self, path: Path) -> bool:
        """Write a checkpoint, in the first process; return False, with a warning, if it failed.

        Nothing is written, and False returned, if a step or its evaluation was broken off: a
        training resumed from there would differ from an unbroken one.
        """
        self.is_saved = False
        if not self.group.is_first or not self._whole:
            return False
        state = TrainingState(
            identity=self._identity,
            network=self.network.state_dict(),
            scaler=self._scaler.state_dict(),
            best=dict(self.best),
            optimiser=self.optimiser.state_dict(),
            steps=self.steps,
            evaluate_every=self.evaluate_every,
            **{name: getattr(self, name) for name in _PROGRESS},
        )
        try:
            with self.saving():
                save_checkpoint(path, state.to_dict())
        except InputError as error:
            log.warning("%s; the training goes on", error)
            return False
        self.is_saved = True
        return True
