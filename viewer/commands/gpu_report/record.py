"""The record of a report: a JSON file that is whole after every step."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack, cast

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.viewer.commands.gpu_report.plan import ReportSize, ReportStep
from nerv360.viewer.commands.gpu_report.values import Facts, Measured, Outcome, Report, State
from nerv360.viewer.paths import PROGRAM

KIND = "nerv360 GPU report"
_SOURCES = ("*.py", "*.vert", "*.frag", "*.glsl")


class Record:
    """Results of steps, in one file.

    Attributes:
        file: the JSON.
        values: all that it holds.
    """

    def __init__(self, file: Path, plan: ReportSize, facts: Facts) -> None:
        """Go on with ``file`` if it is there, for this machine and this state of the program.

        Raises:
            InputError: it is not a report of this kind.
        """
        self.file = file
        self._key = key_of(plan, facts)
        steps = read_steps(file) if file.exists() else {}
        values = {"report": KIND, **facts, "plan": asdict(plan), "steps": steps}
        self.values = cast("Report", values)

    def done(self, step: ReportStep) -> bool:
        """Tell whether the same program measured it before on the same machine."""
        kept = self.values["steps"].get(step.name)
        return kept is not None and kept.get("state") == "done" and kept.get("key") == self._key

    def put(self, step: ReportStep, state: State, **values: Unpack[Measured]) -> None:
        """Note the outcome of a step."""
        outcome: Outcome = {"title": step.title, "state": state, "key": self._key, **values}
        self.values["steps"][step.name] = outcome

    def keep(self, names: list[str]) -> None:
        """Put the steps in this order, and forget those that are not named."""
        steps = self.values["steps"]
        self.values["steps"] = {name: steps[name] for name in names if name in steps}

    def write(self) -> None:
        """Put the file in its place.

        Raises:
            OSError: it cannot be written.
        """
        with atomic_write(self.file) as partial:
            partial.write_text(f"{json.dumps(self.values, indent=2, ensure_ascii=False)}\n")


def read_steps(file: Path) -> dict[str, Outcome]:
    """Read the outcomes of steps by name.

    Raises:
        InputError: the file is not a report.
    """
    try:
        values = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as a report ({error}): delete it") from error
    steps = values.get("steps") if isinstance(values, dict) else None
    if not isinstance(steps, dict) or values.get("report") != KIND:
        raise InputError(f"{file} is not a report of this command: name another folder")
    outcomes: dict[str, Any] = {n: step for n, step in steps.items() if isinstance(step, dict)}
    return outcomes


def key_of(plan: ReportSize, facts: Facts) -> str:
    """Return a name for all that a result depends on: program, machine, versions, plan."""
    commit = facts["commit"]
    if commit is None or commit.endswith("-dirty"):
        commit = _digest_of_sources()
    machine = [facts["machine"], facts["device"], facts["processor"], facts["driver"]]
    versions = [facts["cuda"], facts["torch"], facts["triton"], facts["python"]]
    parts = [commit, machine + versions, asdict(plan)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    checkout = [PROGRAM / folder for folder in ("model", "viewer", "shaders", "tests")]
    for folder in checkout if checkout[0].is_dir() else [PROGRAM]:
        files = (file for kind in _SOURCES for file in folder.rglob(kind))
        for file in sorted(files):
            digest.update(str(file.relative_to(PROGRAM)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
