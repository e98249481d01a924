"""Trainings that end after a number of minutes."""

from __future__ import annotations

import time

from nerv360.progress import stage
from nerv360.training.clock import measure_durations, plan, replanned
from nerv360.training.trainer import Trainer

DEFAULT_MINUTES = 10.0


class ByClock:
    """A training whose command is to end at a time.

    Attributes:
        export_s, searches: as `nerv360.training.ClockPlan` has them; set by `plan`.
        lasts_s: seconds that the training will take, coding included; set by `plan`.
    """

    def __init__(self, minutes: float, began: float) -> None:
        """Plan nothing yet.

        Args:
            minutes: that the whole command is to take.
            began: when it began, on the monotonic clock.
        """
        self._end = began + 60 * minutes
        self.export_s = self.lasts_s = 0.0
        self._store_s = self._stored_s = 0.0
        self.searches = True

    @property
    def left_s(self) -> float:
        """Seconds until the end."""
        return max(self._end - time.monotonic(), 0.0)

    def plan(self, trainer: Trainer) -> None:
        """Time the first steps of a training, and give it as many as there is time for.

        A training that goes on keeps its end.
        """
        with stage("timing the first steps"):
            durations = measure_durations(trainer)
        planned = plan(durations, self.left_s, trainer.frames.pictures)
        self.export_s, self._store_s = planned.export_s, planned.store_s
        self.searches = planned.searches
        if trainer.step:
            self.lasts_s = (trainer.steps - trainer.step) * durations.step + self.export_s
            return
        self.lasts_s = planned.lasts_s
        group, device = trainer.group, trainer.device
        trainer.steps = group.agree(planned.steps, device)
        trainer.evaluate_every = group.agree(planned.evaluate_every, device)

        def plan_anew() -> None:
            left = self.left_s - self.export_s - self._store_s
            seconds = trainer.seconds - self._stored_s
            steps = replanned(trainer.step, trainer.steps, seconds, left)
            trainer.steps = group.agree(steps, device)

        trainer.after_evaluation = plan_anew

    def stored(self, seconds: float) -> None:
        """Count the time that a scene stored on the way took."""
        self._stored_s += seconds
        self._store_s = max(self._store_s - seconds, 0.0)
