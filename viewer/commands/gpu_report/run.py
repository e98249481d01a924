"""The run of a report: one step after the other, each written as soon as it is done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import cast

from nerv360.errors import InputError, UnavailableError
from nerv360.files import atomic_write
from nerv360.lab.worker import WorkerError, run_alone
from nerv360.progress import stage
from nerv360.viewer import process_end
from nerv360.viewer.commands.examination import graphics_facts
from nerv360.viewer.commands.gpu_report.document import as_markdown
from nerv360.viewer.commands.gpu_report.plan import ReportSize, ReportStep, planned_steps
from nerv360.viewer.commands.gpu_report.record import Record
from nerv360.viewer.commands.gpu_report.screen import LACKING, drawn_by, screen
from nerv360.viewer.commands.gpu_report.tasks import Subject
from nerv360.viewer.commands.gpu_report.tasks import facts as machine_facts
from nerv360.viewer.commands.gpu_report.values import Facts, Graphics, Measured, State
from nerv360.viewer.commands.gpu_report.wording import one_line

JSON, MARKDOWN, LOGS = "report.json", "report.md", "logs"
_FACTS_S = 120.0
_LEAST_S = 5.0
_OUT_OF_TIME = "no time was left; the same command goes on with it"


def report_gpu(
    folder: Path,
    plan: ReportSize,
    facts: Facts,
    minutes: float,
    tell: Callable[[str], None],
    steps: Callable[[ReportSize, Facts], list[ReportStep]] = planned_steps,
) -> bool:
    """Run what is not done yet, and write JSON, Markdown and screenshots into ``folder``.

    A step that fails, takes too long or ends its process is a line with its reason, and the next
    one follows. Returns whether every step is done, or cannot be done on this machine.

    Args:
        folder: for the files, which `prepare_folder` has made.
        plan: size of the report.
        facts: of the machine, as `machine` tells them.
        minutes: after which no further step begins; one that runs is ended then.
        tell: prints a line.
        steps: of the plan, with the facts of the machine.

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    ends = time.monotonic() + minutes * 60
    record = Record(folder / JSON, plan, facts)
    planned = steps(plan, facts)
    record.keep([step.name for step in planned])
    with (
        process_end.at_signals(process_end.interrupt),
        ExitStack() as stack,
        stage("measuring", len(planned)) as shown,
    ):
        open_screen = cache(partial(_opened_screen, stack, folder / LOGS, record))
        for number, step in enumerate(planned, 1):
            head = f"[{number:2}/{len(planned)}] {step.title}"
            if record.done(step):
                tell(f"{head}: as measured before")
                continue
            shown.become(f"step {number} of {len(planned)}: {step.title}", number - 1, None)
            _perform(step, folder, record, open_screen, ends)
            _write(folder, record)
            outcome = record.values["steps"][step.name]
            tell(f"{head}: {one_line(outcome)}")
    record.keep([step.name for step in planned])
    _write(folder, record)
    states = [outcome["state"] for outcome in record.values["steps"].values()]
    return all(state in ("done", "refused") for state in states)


def machine(plan: ReportSize, device: str) -> Facts:
    """Ask for facts of the machine in another process: this one stays off the card.

    Args:
        device: a name that `nerv360.devices.choose_device` takes.

    Raises:
        InputError: there is no such device.
    """
    subject = Subject(plan.preset, plan.scale, device)
    try:
        return run_alone(partial(machine_facts, subject), _FACTS_S)
    except WorkerError as error:
        raise InputError(str(error)) from error


def _opened_screen(stack: ExitStack, logs: Path, record: Record) -> Mapping[str, str] | str:
    """Open a screen, and note what draws on it; return its environment, or why there is none."""
    own, device = stack.enter_context(screen()), record.values["device"]
    refusal = LACKING
    for environment in drawn_by(own, cuda=device.startswith("cuda")) if own is not None else []:
        try:
            task = partial(graphics_facts, device)
            known = run_alone(task, 60.0, environment, logs / "graphics.txt")
            record.values["graphics"] = cast("Graphics", known)
        except WorkerError as error:
            refusal = f"no window can be opened: {error}"
        else:
            return environment
    return refusal


def _perform(
    step: ReportStep,
    folder: Path,
    record: Record,
    open_screen: Callable[[], Mapping[str, str] | str],
    ends: float,
) -> None:
    """Run one step and put its outcome into the record."""
    if step.refusal is not None:
        record.put(step, "refused", reason=step.refusal)
        return
    if ends - time.monotonic() < _LEAST_S:
        record.put(step, "waiting", reason=_OUT_OF_TIME)
        return
    environment = open_screen() if step.screen else os.environ
    if isinstance(environment, str):
        record.put(step, "refused", reason=environment)
        return
    left = ends - time.monotonic()
    began = time.monotonic()
    screenshot = folder.resolve() / f"{step.name}.png"
    task = partial(step.task, screenshot=screenshot) if step.pictured else step.task
    log = folder / LOGS / f"{step.name}.txt"
    state: State
    outcome: Measured
    try:
        result = run_alone(task, min(step.limit_s, max(left, 1.0)), environment, log)
        state, outcome = "done", {"result": result}
    except UnavailableError as error:
        state, outcome = "refused", {"reason": str(error)}
    except WorkerError as error:
        short = left < step.limit_s and time.monotonic() >= ends
        state, reason = ("waiting", _OUT_OF_TIME) if short else ("failed", str(error))
        outcome = {"reason": reason}
    outcome["seconds"] = round(time.monotonic() - began, 1)
    record.put(step, state, **outcome)


def prepare_folder(folder: Path) -> None:
    """Make the folder of a report.

    Raises:
        InputError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / ".nerv360") as partial:
            partial.touch()
        (folder / ".nerv360").unlink()
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be written: {error.strerror}") from error


def _write(folder: Path, record: Record) -> None:
    try:
        record.write()
        with atomic_write(folder / MARKDOWN) as partial:
            partial.write_text(as_markdown(record.values))
    except OSError as error:
        raise InputError(f"the report {folder} cannot be written: {error.strerror}") from error
