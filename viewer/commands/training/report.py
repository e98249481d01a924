"""Progress of a training's steps, in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerv360.progress import Stage
    from nerv360.training import StepReport

SMOOTHING = 0.05


def progress_report(shown: Stage, before: int) -> Callable[[StepReport], None]:
    """Return what tells ``shown`` of each step.

    Args:
        shown: the stage of the training.
        before: steps that were taken before.
    """
    began, smooth, first = time.monotonic(), None, 0

    def report(step: StepReport) -> None:
        nonlocal smooth, first
        if smooth is None:
            smooth, first = step.loss, step.pictures
        smooth += SMOOTHING * (step.loss - smooth)
        passed = time.monotonic() - began
        rate = (step.pictures - first) / passed if passed else 0.0
        quality = "" if step.psnr_db is None else f", PSNR {step.psnr_db:.2f} dB"
        quality += "" if step.moving_db is None else f" ({step.moving_db:.2f} where it moves)"
        shown.become("training", step.step, step.steps)
        shown.describe(f"epoch {step.epoch}, loss {smooth:.3f}{quality}, {rate:.1f} pictures/s")

    return report
