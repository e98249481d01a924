"""Training by the clock: how many steps fit into a number of minutes.

The first steps are timed, then the rest is planned, the schedule of the learning rate included.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from nerv360.errors import InputError
from nerv360.scene import FINE
from nerv360.training.export import TrainedEmbeddings
from nerv360.training.trainer import EVALUATIONS, Trainer

MIN_MINUTES, MAX_MINUTES = 0.1, 7 * 24 * 60.0
_EVALUATION_SHARE = 0.05
_SEARCH_EVALUATIONS, _PLAIN_EVALUATIONS = 9, 2
"""Evaluations that coding takes with the search for the smallest file, and without."""
_SEARCH_SHARE = 0.25
"""Share of the time that the search may take; otherwise the scene is stored plainly."""
STORE_SHARE = 0.05
"""Share of the time that scenes stored on the way may take, after the first of them."""
_FEWEST_STEPS = 20
_SETTLING = 2
"""First steps that take longer: kernels are chosen and buffers are allocated."""
_TRIAL_STEPS, _TRIAL_S = 22, 12.0
_TRIAL_PICTURES = 3
_SLACK = 0.03
"""Share by which the number of steps may be off before it is planned anew."""


@dataclass(frozen=True)
class Durations:
    """Measured durations of the parts of a training, in seconds.

    Attributes:
        step: of one step.
        evaluation: of the held-out looks.
        picture: of encoding one picture of the clip.
        coding, quick_coding: of packing one picture's embeddings, for the last scene and for
            scenes on the way.
    """

    step: float
    evaluation: float
    picture: float
    coding: float = 0.0
    quick_coding: float = 0.0

    def export(self, pictures: int, *, searches: bool) -> float:
        """Return the seconds that coding the scene takes, with or without a search."""
        count = _SEARCH_EVALUATIONS if searches else _PLAIN_EVALUATIONS
        return pictures * (self.picture + self.coding) + count * self.evaluation

    def export_so_far(self, pictures: int) -> float:
        """Return the seconds that storing a scene on the way takes."""
        return pictures * (self.picture + self.quick_coding) + self.evaluation


@dataclass(frozen=True)
class ClockPlan:
    """A training that ends in time.

    Attributes:
        steps: of the whole training.
        evaluate_every: steps between two evaluations.
        store_s: seconds for all scenes that are stored on the way.
        export_s: seconds to be left for coding the scene.
        searches: there is time to search for the smallest file.
        lasts_s: seconds that all of it takes; more than there are if the clip is too long.
    """

    steps: int
    evaluate_every: int
    store_s: float
    export_s: float
    searches: bool
    lasts_s: float


class Allowance:
    """Decides when to store a scene on the way again: all but the first take a small share."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, share: float = STORE_SHARE
    ) -> None:
        """Allow the first one at once; ``now`` returns seconds."""
        self._now = now
        self._share = share
        self._next = -math.inf

    def allows(self) -> bool:
        """Return whether another one may begin now."""
        return self._now() >= self._next

    def spend(self, seconds: float) -> None:
        """Count one that took ``seconds`` and has just ended."""
        self._next = self._now() + seconds / self._share


def check_minutes(minutes: float) -> None:
    """Raise InputError if a training cannot last ``minutes``."""
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise InputError(
            f"a training lasts {MIN_MINUTES:g} to {MAX_MINUTES:g} minutes, not {minutes:g}"
        )


def step_seconds(times: Sequence[float]) -> float:
    """Return the seconds of one step, by those of the first ones.

    It is their mean: some optimisers do more in every tenth step.
    """
    return statistics.fmean(times[_SETTLING:] or times)


def measure_durations(trainer: Trainer) -> Durations:
    """Time the parts of a training before its first step; nothing of that stays in ``trainer``.

    A training that goes on has timed its steps already.
    """
    if trainer.step:
        step = trainer.seconds / trainer.step
    else:
        step = step_seconds(trainer.try_steps(_TRIAL_STEPS, _TRIAL_S))
    evaluation = trainer.try_evaluation()
    count = min(_TRIAL_PICTURES, trainer.frames.pictures)
    times = [time.perf_counter()]
    embeddings = TrainedEmbeddings(trainer.config, count)
    with torch.no_grad():
        for index in range(count):
            frame = trainer.frames.frame(index, trainer.device)
            embeddings.put(index, trainer.network.encoder.embeddings(frame))
    times.append(time.perf_counter())
    for quick in (False, True):
        embeddings.coded(FINE, range(count), quick=quick)
        times.append(time.perf_counter())
    parts = [(end - begin) / count for begin, end in itertools.pairwise(times)]
    return Durations(step, evaluation, *parts)


def replanned(step: int, steps: int, seconds: float, left_s: float) -> int:
    """Return the steps of the whole training, by what those so far took.

    Args:
        step, steps: done, and planned so far.
        seconds: that the steps so far took, evaluations included.
        left_s: seconds for all further steps.
    """
    # Late changes would bend the schedule of the learning rate.
    if step > steps / 2:
        return steps
    wanted = step + max(int(left_s * step / seconds), 1)
    return wanted if abs(wanted - steps) > _SLACK * steps else steps


def plan(durations: Durations, left_s: float, pictures: int) -> ClockPlan:
    """Plan the steps of a training.

    Args:
        durations: as measured.
        left_s: seconds until the whole command should end.
        pictures: of the clip.
    """
    searches = durations.export(pictures, searches=True) <= _SEARCH_SHARE * left_s
    export_s = durations.export(pictures, searches=searches)
    # The first scene on the way is stored in any case.
    store_s = max(durations.export_so_far(pictures), STORE_SHARE * left_s)
    for_steps = max(left_s - export_s - store_s, 0.0)
    evaluations = min(
        EVALUATIONS, max(int(_EVALUATION_SHARE * for_steps / max(durations.evaluation, 1e-9)), 1)
    )
    steps = int((for_steps - evaluations * durations.evaluation) / durations.step)
    steps = max(steps, _FEWEST_STEPS)
    return ClockPlan(
        steps=steps,
        evaluate_every=max(-(-steps // evaluations), 1),
        store_s=store_s,
        export_s=export_s,
        searches=searches,
        lasts_s=steps * durations.step + evaluations * durations.evaluation + store_s + export_s,
    )
