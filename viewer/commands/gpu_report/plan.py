"""Plan of a report: its steps, the most valuable first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Values = dict[str, Any]

RIVALS = ("hnerv", "hnerv-boost")
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
class Step:
    """One measurement, in a process of its own.

    Attributes:
        name: of the step in the JSON.
        title: of it for readers.
        task: for `nerv360.viewer.commands.gpu_report.worker`; ``kind`` names what it does there.
        limit_s: seconds after which it is ended.
        screen: it opens a window.
        refusal: reason why it cannot run here, known beforehand.
    """

    name: str
    title: str
    task: Values
    limit_s: float
    screen: bool = False
    refusal: str | None = None


def planned_steps(plan: ReportSize, facts: Values) -> list[Step]:
    """List the steps of a report, the most valuable first.

    Args:
        plan: size of the report.
        facts: of the machine, as the worker's ``facts`` gives them.
    """
    common = {"preset": plan.preset, "scale": plan.scale, "device": facts["device"]}
    decoding = list(_decoding(plan, facts, common))
    first = [step for step in decoding if _comes_first(step, facts)]
    parts = [("encoding", "nerv360"), *(("training", name) for name in ("nerv360", *RIVALS))]
    windows = [("demo", None), *((name, name) for name in ("nerv360", *RIVALS))]
    return [
        *first,
        Step("uploads", "uploads", {"kind": "uploads", **common}, 60.0, screen=True),
        *(
            Step(
                f"window-{name}",
                f"window, {name}",
                {"kind": "window", **common, "decoder": decoder, "seconds": plan.shown_s},
                60.0 + 2 * plan.shown_s,
                screen=True,
            )
            for name, decoder in windows
        ),
        *(
            Step(
                f"{part}-{name}",
                f"{part}, {name}",
                {
                    "kind": "part",
                    "part": part,
                    "decoder": name,
                    **common,
                    "pictures": min(plan.pictures, _MOST_OF_A_PART),
                },
                120.0,
            )
            for part, name in (*parts[1:], parts[0])
        ),
        Step("first-start", "first start", {"kind": "start", **common}, 240.0, screen=True),
        Step("tests", "tests that need CUDA", {"kind": "tests", **common}, 150.0, screen=True),
        Step(
            "soak",
            "restless hand",
            {"kind": "soak", "seconds": plan.soak_s},
            120.0 + 2 * plan.soak_s,
            screen=True,
        ),
        *(step for step in decoding if not _comes_first(step, facts)),
        *_other_presets(plan, facts, common),
    ]


def _decoding(plan: ReportSize, facts: Values, common: Values) -> Iterator[Step]:
    for decoder in ("nerv360", *RIVALS):
        for engine in _VALUE:
            if engine not in facts["refusals"][decoder]:
                continue
            yield Step(
                f"{decoder}-{engine}",
                f"{decoder}, {engine} engine",
                {"kind": "decode", "decoder": decoder, "engine": engine, **common,
                 "pictures": plan.pictures},
                180.0,
                screen=engine == "gl",
                refusal=facts["refusals"][decoder][engine],
            )  # fmt: skip


def _comes_first(step: Step, facts: Values) -> bool:
    """Tell whether a step is for the main comparison: each decoder by its fastest engines."""
    decoder, engine = step.task["decoder"], step.task["engine"]
    if decoder == "nerv360":
        return engine in _VALUE[:3]
    return engine == ("compiled" if facts["device"].startswith("cuda") else "folded")


def _other_presets(plan: ReportSize, facts: Values, common: Values) -> Iterator[Step]:
    """Yield steps of decoders of other widths."""
    if (plan.preset, plan.scale) != (PAPER.preset, PAPER.scale):
        return
    for preset in ("paper-aligned", "demo"):
        for step in _decoding(plan, facts, {**common, "preset": preset}):
            if step.task["decoder"] == "nerv360" and step.task["engine"] in _VALUE[:3]:
                title = f"{preset}, {step.task['engine']} engine"
                yield replace(step, name=f"{preset}-{step.task['engine']}", title=title)
