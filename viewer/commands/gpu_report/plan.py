"""Plan of a report: its steps, the most valuable first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nerv360.viewer.commands.gpu_report import tasks
from nerv360.viewer.commands.gpu_report.suite import run_cuda_tests, run_soak
from nerv360.viewer.commands.gpu_report.tasks import DECODERS, Subject
from nerv360.viewer.commands.gpu_report.values import Facts

_MOST_OF_A_PART = 50
_VALUE = ("compiled", "fused", "eager", "folded", "folded-bfloat16", "gl")
"""Engines; the report is made mainly for the first ones."""


@dataclass(frozen=True)
class ReportSize:
    """Size of a report.

    Attributes:
        preset: of the three decoders, with random weights.
        scale: fraction of the sides of frame and viewport.
        pictures: of each measurement of an engine; parts of table 1 take at most so many.
        shown_s: seconds for which a window is shown.
        soak_s: seconds for which a restless hand uses the window.
    """

    preset: str
    scale: str
    pictures: int
    shown_s: float
    soak_s: float


PAPER = ReportSize("paper", "1", 300, 12.0, 60.0)
"""All outstanding measurements, at the paper's size."""

REHEARSAL = ReportSize("demo", "1/16", 3, 1.0, 1.0)
"""The same steps in small, to test whether they all work on a machine."""


@dataclass(frozen=True)
class ReportStep:
    """One measurement, in a process of its own.

    Attributes:
        name: of the step in the JSON.
        title: of it for readers.
        task: returns plain JSON values in another process.
        limit_s: seconds after which it is ended.
        screen: it opens a window.
        pictured: its task takes the path of a screenshot.
        refusal: reason why it cannot run here, known beforehand.
    """

    name: str
    title: str
    task: Callable[..., Any]
    limit_s: float
    screen: bool = False
    pictured: bool = False
    refusal: str | None = None


def planned_steps(plan: ReportSize, facts: Facts) -> list[ReportStep]:
    """List the steps of a report, the most valuable first.

    Args:
        plan: size of the report.
        facts: of the machine, as `tasks.facts` gives them.
    """
    subject = Subject(plan.preset, plan.scale, facts["device"])
    first, others = _decoding(plan, facts, subject)
    most, measure = min(plan.pictures, _MOST_OF_A_PART), partial(tasks.part, subject)
    parts = [*(("training", name) for name in DECODERS), ("encoding", "nerv360")]
    return [
        *first,
        ReportStep("uploads", "uploads", partial(tasks.uploads, subject), 60.0, screen=True),
        *(
            ReportStep(
                f"window-{decoder or 'demo'}",
                f"window, {decoder or 'demo'}",
                partial(tasks.window, subject, decoder, plan.shown_s),
                60.0 + 2 * plan.shown_s,
                screen=True,
                pictured=True,
            )
            for decoder in (None, *DECODERS)
        ),
        *(
            ReportStep(
                f"{kind}-{name}", f"{kind}, {name}", partial(measure, name, kind, most), 120.0
            )
            for kind, name in parts
        ),
        ReportStep("first-start", "first start", partial(tasks.start, subject), 240.0, screen=True),
        ReportStep("tests", "tests that need CUDA", run_cuda_tests, 150.0, screen=True),
        ReportStep(
            "soak",
            "restless hand",
            partial(run_soak, plan.soak_s),
            120.0 + 2 * plan.soak_s,
            screen=True,
        ),
        *others,
        *_other_presets(plan, facts, subject),
    ]


def _decoding(
    plan: ReportSize, facts: Facts, subject: Subject
) -> tuple[list[ReportStep], list[ReportStep]]:
    """Return the steps for the main comparison, each decoder by its fastest engines; the others."""
    main: list[ReportStep] = []
    others: list[ReportStep] = []
    fastest = ("compiled" if facts["device"].startswith("cuda") else "folded",)
    for decoder in DECODERS:
        refusals = facts["refusals"][decoder]
        for engine in _VALUE:
            if engine not in refusals:
                continue
            step = ReportStep(
                f"{decoder}-{engine}",
                f"{decoder}, {engine} engine",
                partial(tasks.decode, subject, decoder, engine, plan.pictures),
                180.0,
                screen=engine == "gl",
                refusal=refusals[engine],
            )
            valued = _VALUE[:3] if decoder == "nerv360" else fastest
            (main if engine in valued else others).append(step)
    return main, others


def _other_presets(plan: ReportSize, facts: Facts, subject: Subject) -> Iterator[ReportStep]:
    """Yield steps of NeRV360 of other widths."""
    if (plan.preset, plan.scale) != (PAPER.preset, PAPER.scale):
        return
    for preset in ("paper-aligned", "demo"):
        for step in _decoding(plan, facts, replace(subject, preset=preset))[0]:
            if step.name.startswith("nerv360-"):
                engine = step.name.removeprefix("nerv360-")
                yield replace(step, name=f"{preset}-{engine}", title=f"{preset}, {engine} engine")
