"""A training in chapters in the terminal."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.training import TrainingError
from nerv360.viewer.commands.options import check_range, for_option
from nerv360.viewer.commands.terminal import StopOnInterrupt
from nerv360.viewer.commands.train_progress import (
    by_options,
    nothing_lost,
    outcome,
    plan_sentence,
    run,
    say,
    shown_page,
    step_report,
)
from nerv360.viewer.process_end import INTERRUPTED

if TYPE_CHECKING:
    from nerv360.training import ChapterCourse, StepReport, Training
    from nerv360.viewer.sharing import TrainingPage

_LEAST_S, _MOST_S = 1.0, 3600.0


def train_or_prepare(
    whole: Training, seconds: float | None, again: str, port: int | None = None
) -> ChapterCourse | None:
    """Train a clip that is one chapter; prepare and return a training in several.

    Args:
        whole: the training of the whole clip.
        seconds: of a chapter.
        again: the command that continues it.
        port: of a page that shows it; None for no page.

    Raises:
        InputError: the training cannot begin, or not go on.
    """
    from nerv360.training import CHAPTER_S, ChapterCourse

    wanted = CHAPTER_S if seconds is None else seconds
    check_range("--chapter-seconds", wanted, _LEAST_S, _MOST_S)
    if not ChapterCourse.suits(whole, wanted):
        run(whole, again, port)
        return None
    if port is not None and whole.group.is_first:
        _free_port(port)
    course = ChapterCourse(whole, wanted)
    course.prepare()
    return course


def run_chapters(
    course: ChapterCourse, again: str, into: Path | None, port: int | None = None
) -> None:
    """Train the chapters that no other process trains, and write the scene when all are there.

    Args:
        course: prepared.
        again: the command that continues it.
        into: the scene that the decoder is added to.
        port: of a page that shows the chapter in work; None for no page.

    Raises:
        InputError: a chapter cannot be trained, or the scene cannot be written; the chapters stay.
        typer.Exit: it was stopped.
    """
    whole = course.whole
    if whole.group.is_first:
        _say_chapters(course)
    # All chapters have one port, and only the first process has a page.
    port = _free_port(port) if port is not None and whole.group.is_first else None
    with by_options(into), StopOnInterrupt() as stop:
        try:
            finished = course.run(partial(_train, course, again, stop, port), stop)
        except KeyboardInterrupt:
            say(f"stopped; {course.folder} has the chapters so far: {again} goes on")
            raise
        if not finished:
            _stop_early(course, again)
        try:
            header = course.assemble()
        except TrainingError as error:
            raise InputError(
                f"{error}; {course.folder} has the chapters: {again} goes on"
            ) from error
    if whole.silent is not None:
        say(f"{whole.silent}; the scene goes without sound")
    if header is not None:
        training = header.trainings[course.plan.config.architecture]
        size = whole.target.stat().st_size / 2**20
        count = len(course.plan.chapters)
        quality = "" if training.psnr_db is None else f", held-out PSNR {training.psnr_db:.2f} dB"
        print(escaped(f"{whole.target}: {count} chapters, {size:.2f} MiB{quality}"))


def _free_port(port: int) -> int:
    """Return ``port``, or a free one if it is 0.

    Raises:
        InputError: it is taken.
    """
    from nerv360.viewer.sharing import Address

    with for_option("--serve"):
        address = Address(port=port)
    address.socket.close()
    return address.port


def _say_chapters(course: ChapterCourse) -> None:
    path, plan, fps = course.whole.clip.path, course.plan, course.whole.clip.info.fps
    if plan.why is not None:
        print(escaped(f"{path}: {plan.why}"))
    lengths = sorted(course.lengths)
    done = len(course.finished())
    trained = f", {done} of them trained already" if done else ""
    span = f"{lengths[0] / fps:.1f} to {lengths[-1] / fps:.1f} s"
    print(escaped(f"{path}: {len(lengths)} chapters of {span}{trained}"), flush=True)


def _train(
    course: ChapterCourse,
    again: str,
    stop: StopOnInterrupt,
    port: int | None,
    number: int,
    training: Training,
) -> bool:
    """Train and store one chapter; return False if it was stopped."""
    count, finished = len(course.lengths), course.finished()
    name = f"chapter {number + 1} of {count}"
    trainer = training.trainer
    if training.resume:
        found = f"step {trainer.step:,} of {trainer.steps:,}"
        print(escaped(f"{training.checkpoint}: going on from {found}"))
    training.plan()
    if not finished:
        print(escaped(f"{name}: {plan_sentence(training)}"), flush=True)
    # Steps of other chapters are in proportion to their frames.
    share = trainer.steps / course.lengths[number]
    before = round(share * sum(course.lengths[each] for each in finished))
    after = round(share * course.plan.frames) - before - trainer.steps
    qualities = [course.quality_db(each) for each in finished]
    known = [quality for quality in qualities if quality is not None]
    so_far = f", {sum(known) / len(known):.2f} dB in {len(known)} chapters so far" if known else ""
    with nothing_lost(training, again), ExitStack() as stack:
        page = _page(training, port, stack, name)
        with stage(name, before + trainer.steps + after, before + trainer.step) as shown:
            tell = step_report(shown, name, before, after, so_far)

            def report(step: StepReport) -> None:
                tell(step)
                if page is not None:
                    page.after_step(trainer, step)

            training.take_steps(report, stop)
        if not training.finished:
            if not trainer.is_saved:
                say(f"its last steps are lost: {training.checkpoint} was not written")
                return False
            say("stopping: coding the chapter; Ctrl-C again stops at once, the checkpoint stays")
        export = training.store()
    print(escaped(f"{name}: {outcome(training.target, export)}"), flush=True)
    return training.finished


def _page(training: Training, port: int | None, stack: ExitStack, name: str) -> TrainingPage | None:
    """Start the page of one chapter; the training goes on if it cannot be shown."""
    try:
        return shown_page(training, port, stack, name)
    except InputError as error:
        say(f"{error}; the training goes on without a page")
        return None


def _stop_early(course: ChapterCourse, again: str) -> None:
    """Write what there is, and say how to go on.

    Raises:
        typer.Exit: always.
    """
    try:
        count = course.store_so_far()
    except InputError as error:
        count = 0
        say(str(error))
    if count:
        said = "its first chapter" if count == 1 else f"its first {count} chapters"
        print(escaped(f"{course.whole.target}: {said}"))
    print(escaped(f"stopped early; {again} goes on from {course.folder}"))
    sys.stdout.flush()
    raise typer.Exit(INTERRUPTED)
