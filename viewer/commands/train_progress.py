"""A training in the terminal: its progress, Ctrl-C, and how to go on with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.training import TrainingError
from nerv360.viewer.commands.options import for_option
from nerv360.viewer.commands.terminal import StopOnInterrupt
from nerv360.viewer.process_end import INTERRUPTED
from nerv360.viewer.progress import duration

if TYPE_CHECKING:
    from nerv360.progress import Stage
    from nerv360.training import Export, StepReport, Training
    from nerv360.viewer.sharing import TrainingPage

_SMOOTHING = 0.05
_MORE_THAN_PLANNED = 1.25
"""Share of the time that is left from which on a training is said to need more."""
_REFUSALS = {
    "target": "{option}: {error}",
    "left": "{option}: {error}: add --resume to go on with it, or --overwrite to begin anew",
    "memory": "{error}: give a smaller --size, fewer --frames or a shorter --duration",
    "existing": "--into: {error}",
    "settings": "--set: {error}",
    "checkpoint": "--resume: {error}",
}
"""Sentences on a training that is refused before its first step, by the error's subject."""


def run(training: Training, again: str, port: int | None = None) -> None:
    """Train, and write the scene.

    Args:
        training: as the options say.
        again: the command that continues it.
        port: of a page that shows it; None for no page.

    Raises:
        InputError: something is refused, or the scene cannot be written; the sentence then says
            where the training is kept.
        typer.Exit: it was stopped.
    """
    with ExitStack() as stack:
        page = shown_page(training, port, stack)
        stop = _prepare(training, stack)
        with nothing_lost(training, again):
            with stage("training", training.trainer.steps, training.trainer.step) as shown:
                tell = step_report(shown)

                def report(step: StepReport) -> None:
                    tell(step)
                    if page is not None:
                        page.after_step(training.trainer, step)

                training.take_steps(report, stop)
            if training.group.is_first:
                _store(training, again)


def shown_page(
    training: Training, port: int | None, stack: ExitStack, what: str = "the training"
) -> TrainingPage | None:
    """Start the page of the training, and print its address.

    Args:
        port: as of `TrainingPage`; None for no page.
        stack: closes it.
        what: it shows.

    Raises:
        InputError: the port is taken.
    """
    if port is None or not training.group.is_first:
        return None
    from nerv360.viewer.sharing import TrainingPage

    with for_option("--serve"):
        page = stack.enter_context(closing(TrainingPage(port, training.attribution)))
    print(f"{page.address.url} shows {what}, after its first step", flush=True)
    return page


@contextmanager
def nothing_lost(training: Training, again: str) -> Iterator[None]:
    """Say where the steps are kept if the training is broken off inside.

    Args:
        again: the command that continues it.
    """
    try:
        yield
    except TrainingError as error:
        kept = kept_sentence(training, "its ", "the same command with --resume")
        raise InputError(f"{error}; {kept}") from error
    except KeyboardInterrupt:
        if training.group.is_first:
            say(f"stopped; {kept_sentence(training, '', again)}")
        raise


@contextmanager
def by_options(into: Path | None) -> Iterator[None]:
    """Name the options in what refuses a training before its first step."""
    try:
        yield
    except TrainingError as error:
        sentence = _REFUSALS[error.subject]
        option = "-o" if into is None else "--into"
        raise InputError(sentence.format(error=error, option=option)) from error


def _prepare(training: Training, stack: ExitStack) -> StopOnInterrupt:
    """Prepare and plan a training, and say in one line what is about to happen."""
    try:
        stack.enter_context(training.prepared())
        if training.group.is_first:
            _say_prepared(training)
        stop = stack.enter_context(StopOnInterrupt())
        training.plan()
        if training.group.any(stop(), training.device):
            raise KeyboardInterrupt
        if training.group.is_first:
            print(escaped(f"{training.clip.path}: {plan_sentence(training)}"), flush=True)
    except KeyboardInterrupt:
        if training.group.is_first:
            said = "stopped before the first step"
            if training.resume:
                said = f"stopped before a further step; {training.checkpoint} is as it was"
            say(said)
        raise
    return stop


def _say_prepared(training: Training) -> None:
    """Say what the clip chose, and what is gone on from."""
    trainer = training.trainer
    if training.why is not None:
        print(escaped(f"{training.clip.path}: {training.why}"))
    if training.silent is not None:
        say(f"{training.silent}; the scene goes without sound")
    if training.resume:
        quality = "" if trainer.psnr_db is None else f", {trainer.psnr_db:.2f} dB so far"
        found = f"step {trainer.step:,} of {trainer.steps:,}{quality}"
        print(escaped(f"{training.checkpoint}: going on from {found}"))


def plan_sentence(training: Training) -> str:
    """Say what a planned training takes."""
    trainer, clock, lasts = training.trainer, training.clock, ""
    if clock is not None:
        lasts = f" in about {duration(clock.lasts_s)}"
        if clock.lasts_s > _MORE_THAN_PLANNED * clock.left_s and not training.resume:
            lasts += " (the least that this clip takes)"
    size = f"{trainer.config.frame_width}x{trainer.config.frame_height}"
    return (
        f"{trainer.frames.pictures} pictures of {size}, {trainer.steps - trainer.step:,} steps"
        f"{lasts}, {training.needed / 2**30:.1f} GiB of memory; the scene file will take at most "
        f"{training.scene_bytes / 2**20:.1f} MiB"
    )


def _store(training: Training, again: str) -> None:
    """Write the scene and say what it is, and how to go on after a stop."""
    if not training.finished:
        wait = "" if training.clock is None else f" (about {duration(training.clock.export_s)})"
        say(f"stopping: coding the scene{wait}; Ctrl-C again stops at once, the checkpoint stays")
    export = training.store()
    print(escaped(f"{training.target}: {outcome(training.target, export)}"))
    if not training.finished:
        kept = f"{again} goes on from {training.checkpoint}"
        if not training.trainer.is_saved:
            kept = f"its last steps are only in the scene: {training.checkpoint} was not written"
        print(escaped(f"stopped early; {kept}"))
        raise typer.Exit(INTERRUPTED)


def kept_sentence(training: Training, its: str, again: str) -> str:
    """Return where the training is kept, and that ``again`` goes on with it."""
    kept, checkpoint = training.keep(), training.checkpoint
    steps = f"{training.trainer.step:,} steps"
    if kept == checkpoint:
        return f"{checkpoint} has {its}{steps}: {again} goes on with them"
    if kept is not None:
        move = f"move it to {checkpoint.parent}, and {again} goes on with them"
        return f"its {steps} are in {kept}: {move}"
    if checkpoint.exists():
        return f"the earlier {checkpoint} stays: {again} goes on from it"
    return "no checkpoint was written"


def say(sentence: str) -> None:
    """Print a sentence to stderr."""
    print(escaped(sentence), file=sys.stderr, flush=True)


def step_report(
    shown: Stage, label: str = "training", before: int = 0, after: int = 0, so_far: str = ""
) -> Callable[[StepReport], None]:
    """Return what tells the stage ``shown`` of each step.

    Args:
        label: of the stage.
        before, after: steps of other trainings that count, too.
        so_far: their quality.
    """
    began, smooth, first = time.monotonic(), None, 0

    def report(step: StepReport) -> None:
        nonlocal smooth, first
        if smooth is None:
            smooth, first = step.loss, step.pictures
        smooth += _SMOOTHING * (step.loss - smooth)
        passed = time.monotonic() - began
        rate = (step.pictures - first) / passed if passed else 0.0
        quality = "" if step.psnr_db is None else f", PSNR {step.psnr_db:.2f} dB"
        quality += "" if step.moving_db is None else f" ({step.moving_db:.2f} where it moves)"
        shown.become(label, before + step.step, before + step.steps + after)
        details = f"epoch {step.epoch}, loss {smooth:.3f}{quality}, {rate:.1f} pictures/s"
        shown.describe(details + so_far)

    return report


def outcome(target: Path, result: Export) -> str:
    """Return size and quality of a scene that has been stored."""
    stored, (cost, moving_cost), coarseness = result.stored, result.cost, result.coarseness
    moving = "" if stored.moving_db is None else f", {stored.moving_db:.2f} dB where it moves"
    structure = "" if stored.ms_ssim is None else f", MS-SSIM {stored.ms_ssim:.4f}"
    there = "" if moving_cost is None else f", {moving_cost:.2f} dB where it moves"
    precision = "256 levels and weights of 16 bits"
    if coarseness is not None:
        precision = f"{coarseness.levels} levels and weights of {coarseness.weight_bits} bits"
    return (
        f"{target.stat().st_size / 2**20:.2f} MiB, held-out PSNR "
        f"{stored.psnr_db:.2f} dB{moving}{structure}; storing it in {precision} "
        f"cost {cost:.2f} dB{there}"
    )
