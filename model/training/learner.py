"""The steps of a training: a network, its optimiser and the looks that they learn from."""

from __future__ import annotations

import copy
import math
import time as clock
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.devices import float64_device, training_precision
from nerv360.memory import keep_freed_memory
from nerv360.networks import frame_times
from nerv360.progress import stage, track
from nerv360.scene import StillPanorama
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import (
    ActivityMap,
    ClipFrames,
    covered_directions,
    epoch_order,
    random_looks,
)
from nerv360.training.objective import Objective
from nerv360.training.optimiser import make_optimiser
from nerv360.training.processes import Processes
from nerv360.training.settings import TrainingSettings


class Learner:
    """A network that learns a clip step by step.

    Nothing depends on a global random state: looks and the order of frames follow from the seed
    and the step.

    Attributes:
        step, steps: done, and of the whole training, towards which the learning rate falls.
        steps_an_epoch: steps in which all processes together see each picture once.
    """

    step = 0

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
            self.still = still or _still_panorama(frames)
        self.network = Autoencoder(config, crops=settings.crops, still=self.still)
        if self.still is not None and frames.beside:
            self.network.add_motion(self.still.motion_of(frames.beside.values()))
        self.network.to(device)
        if device.type == "cpu":
            keep_freed_memory()
        apart = torch.tensor(list(frames.beside), dtype=torch.float64) / len(frames)
        self.times = torch.cat([frame_times(len(frames)), apart]).to(float64_device(device))
        self.objective = Objective(self.network, settings, frames.coverage)
        self._activity: ActivityMap | None = None
        if self.still is not None and settings.looks_at_motion > 0:
            self._activity = ActivityMap(frames, self.still.pixels)
        suits = self.network.decoder.suits_bfloat16
        self.precision = training_precision(device, suits_bfloat16=suits)
        self._begin()
        self._covered: Tensor | None = None
        if frames.coverage is not None:
            self._covered = covered_directions(frames.coverage)
        self.steps_an_epoch = math.ceil(frames.learned / group.count)
        self.steps = settings.steps or settings.epochs * self.steps_an_epoch

    def _begin(self) -> None:
        """Forget what the optimiser and the loss's scale have learned."""
        self.optimiser = make_optimiser(self.network, self.settings)
        # Gradients that float16 would round to zero are trained on a larger loss.
        enabled = self.precision is torch.float16
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=enabled)
        self._whole = True  # not within an update of the weights or an evaluation

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
        self._begin()
        return times

    def _train_step(self, epoch: int, position: int) -> float:
        order = epoch_order(self.frames.learned, self.settings.seed, epoch)
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


def _still_panorama(frames: ClipFrames) -> StillPanorama:
    """Make the still panorama of a clip, and the motion map of each of its frames."""
    with stage("finding what stands still"):
        picture = frames.still_bytes()
    return StillPanorama.of(picture, track(frames.bytes, "finding what moves"), frames.shown)
