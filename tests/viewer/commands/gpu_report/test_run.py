"""The run of a report: resumed, out of time, steps that crash, no screen, folders that refuse."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from nerv360.errors import InputError
from nerv360.lab.worker import run_alone
from nerv360.progress import listening
from nerv360.viewer.cli import main
from nerv360.viewer.commands.gpu_report import REHEARSAL, report_gpu, run, screen
from nerv360.viewer.commands.gpu_report.plan import ReportStep

FACTS: dict[str, Any] = {
    "date": "2026-11-30T05:00:00+00:00",
    "commit": "a" * 40,
    "machine": "x86_64",
    "device": "cpu",
    "processor": "Abacus",
    "driver": None,
    "cuda": None,
    "threads": 2,
    "torch": "2.13.0",
    "python": "3.11.7",
    "nerv360": "0.1.0",
    "capability": None,
    "triton": None,
    "refusals": {name: {} for name in ("nerv360", "hnerv", "hnerv-boost")},
}
PASSED = {"passed": 1, "skipped": 0}
WORKS = "pass"


def step(name: str, code: str, limit_s: float = 30.0, **options: Any) -> ReportStep:
    """Return a step that executes ``code`` and then returns `PASSED`."""
    return ReportStep(name, name, partial(eval, f"exec({code!r}) or {PASSED}"), limit_s, **options)


@pytest.fixture
def facts() -> dict[str, Any]:
    """Facts of a machine."""
    return dict(FACTS)


def report(
    folder: Path,
    *steps: ReportStep,
    facts: dict[str, Any] | None = None,
    minutes: float = 10.0,
    tell: Callable[[str], None] = print,
) -> tuple[bool, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    known: Any = dict(FACTS) if facts is None else facts
    complete = report_gpu(folder, REHEARSAL, known, minutes, tell, lambda *_: list(steps))
    return complete, json.loads((folder / "report.json").read_text())["steps"]


def test_a_step_that_crashes_is_a_line_with_its_reason_and_the_next_one_runs(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    lines: list[str] = []
    complete, steps = report(
        tmp_path / "report",
        step("abort", "import os, sys; print('boom', file=sys.stderr); os.abort()"),
        step("raise", "raise ValueError('no such thing')"),
        step("silent", "raise SystemExit"),
        step("says why", "from nerv360.errors import InputError; raise InputError('out of luck')"),
        step("works", WORKS),
        tell=lines.append,
    )
    assert not complete
    reasons = [outcome.get("reason") for outcome in steps.values()]
    assert reasons == [
        "it was ended by SIGABRT: boom",
        "ValueError: no such thing",
        "it ended with exit code 0",
        "out of luck",
        None,
    ]
    assert steps["works"]["result"] == PASSED
    assert lines[0] == "[ 1/5] abort: failed: it was ended by SIGABRT: boom"
    assert lines[4].startswith("[ 5/5] works: 1 passed, 0 skipped (")
    document = (tmp_path / "report" / "report.md").read_text()
    assert "- raise, failed: ValueError: no such thing" in document
    logs = {file.stem for file in (tmp_path / "report" / "logs").iterdir()}
    assert logs == {"abort", "raise", "silent", "says why"}


class Labels:
    """A listener that keeps what stages are called."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def begin(self, label: str, total: int | None, done: int) -> Labels:
        return self

    def end(self, stage: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def describe(self, details: str) -> None:
        pass

    def become(self, label: str, done: int, total: int | None) -> None:
        self.shown.append(label)


def test_progress_names_the_step_that_runs(tmp_path: Path, facts: dict[str, Any]) -> None:
    labels = Labels()
    with listening(labels):
        report(tmp_path / "report", step("first start", WORKS), step("window, demo", WORKS))
    assert labels.shown == ["step 1 of 2: first start", "step 2 of 2: window, demo"]


def test_a_step_that_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    told = tmp_path / "pid"
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(told)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    _, steps = report(tmp_path / "report", step("slow", code, 1.0), step("works", WORKS))
    assert steps["slow"]["reason"] == "it took longer than 1 seconds and was ended"
    assert steps["works"]["state"] == "done"
    child = int(told.read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and alive(child):
        time.sleep(0.01)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_was_measured_is_not_measured_again_by_the_same_program_on_the_same_machine(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x'); {WORKS}"
    steps = [step("once", code), step("fails", f"open({str(count)!r}, 'a').write('y'); 1 / 0")]
    lines: list[str] = []
    for _ in range(2):
        report(tmp_path / "report", *steps, facts=facts, tell=lines.append)
    assert count.read_text() == "xyy", "what failed is tried again"
    assert lines[2] == "[ 1/2] once: as measured before"
    for name, other in (("commit", "b" * 40), ("torch", "2.11.0"), ("processor", "Babbage")):
        facts[name] = other
        before = count.read_text().count("x")
        report(tmp_path / "report", *steps, facts=facts)
        assert count.read_text().count("x") == before + 1, name
    facts["commit"] = "b" * 40 + "-dirty"
    for _ in range(2):
        report(tmp_path / "report", *steps, facts=facts)
    assert count.read_text().count("x") == 5, "files that differ from the commit count by content"


def test_out_of_time_the_rest_waits_for_the_next_run(tmp_path: Path, facts: dict[str, Any]) -> None:
    steps = [step("first", f"import time; time.sleep(0.5); {WORKS}"), step("second", WORKS)]
    complete, outcomes = report(tmp_path / "report", *steps, minutes=5.2 / 60)
    assert not complete
    assert outcomes["first"]["state"] == "done"
    assert outcomes["second"]["state"] == "waiting"
    assert "the same command goes on with it" in outcomes["second"]["reason"]
    complete, outcomes = report(tmp_path / "report", *steps)
    assert complete
    assert [outcome["state"] for outcome in outcomes.values()] == ["done", "done"]


def test_ctrl_c_keeps_what_is_done(
    tmp_path: Path, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(task: Any, *rest: Any) -> Any:
        if "interrupt" in str(task):
            raise KeyboardInterrupt
        return run_alone(task, *rest)

    steps = [step("first", WORKS), step("second", "interrupt")]
    with monkeypatch.context() as patch:
        patch.setattr(run, "run_alone", interrupted)
        with pytest.raises(KeyboardInterrupt):
            report(tmp_path / "report", *steps)
    lines: list[str] = []
    report(tmp_path / "report", steps[0], step("second", WORKS), tell=lines.append)
    assert lines[0].endswith("as measured before")
    assert lines[1].startswith("[ 2/2] second: 1 passed")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_loses_only_the_step_that_ran_and_leaves_nothing_running(
    number: signal.Signals, tmp_path: Path, facts: dict[str, Any]
) -> None:
    folder, pid = tmp_path / "report", tmp_path / "pid"
    endless = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    program = (
        "import sys\n"
        "from tests.viewer.commands.gpu_report.test_run import *\n"
        f"report(Path({str(folder)!r}), step('first', WORKS), step('second', {endless!r}))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (pid.exists() and pid.read_text()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
    child, deadline = int(pid.read_text()), time.monotonic() + 10
    while time.monotonic() < deadline and alive(child):
        time.sleep(0.02)
    assert not alive(child)
    lines: list[str] = []
    report(folder, step("first", "1 / 0"), step("second", WORKS), tell=lines.append)
    assert lines[0] == "[ 1/2] first: as measured before"
    assert lines[1].startswith("[ 2/2] second: 1 passed")


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="there is no Xvfb")
def test_a_virtual_screen_ends_with_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def servers() -> set[int]:
        children = psutil.Process().children(recursive=True)
        return {child.pid for child in children if child.name() == "Xvfb"}

    before = servers()
    with screen.screen() as environment:
        assert environment is not None
        assert environment["DISPLAY"].startswith(":")
        (server,) = servers() - before
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and alive(server):
        time.sleep(0.02)
    assert not alive(server)


def test_without_a_screen_steps_that_need_one_say_so(
    tmp_path: Path, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    complete, steps = report(
        tmp_path / "report", step("window", WORKS, screen=True), step("works", WORKS)
    )
    assert complete, "what cannot be done here is no failure"
    assert steps["window"]["state"] == "refused"
    assert "neither a display nor Xvfb" in steps["window"]["reason"]
    assert steps["works"]["state"] == "done"


def test_a_screen_that_draws_nothing_is_a_reason_too(
    tmp_path: Path, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    _, steps = report(tmp_path / "report", step("window", WORKS, screen=True))
    assert steps["window"]["state"] == "refused"
    assert steps["window"]["reason"].startswith("no window can be opened: no display to open")


def test_a_virtual_screen_is_drawn_by_the_card_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    own = {**os.environ, "DISPLAY": ":9"}
    by_card, by_processor = screen.drawn_by(own, cuda=True)
    assert by_card["__GLX_VENDOR_LIBRARY_NAME"] == "nvidia"
    assert by_processor["LIBGL_ALWAYS_SOFTWARE"] == "1"
    assert screen.drawn_by(own, cuda=False) == [by_processor]
    monkeypatch.setenv("DISPLAY", ":9")
    assert screen.drawn_by(own, cuda=True) == [own], "a user's own is as it is"


def test_a_step_that_is_refused_is_not_run(tmp_path: Path, facts: dict[str, Any]) -> None:
    refused = replace(step("card", "1 / 0"), refusal="needs a CUDA device, not cpu")
    complete, steps = report(tmp_path / "report", refused)
    assert complete
    assert steps["card"]["reason"] == "needs a CUDA device, not cpu"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "report.json cannot be read as a report"),
        ('{"table": 1, "steps": {}}', "report.json is not a report of this command"),
        ("[]", "report.json is not a report of this command"),
    ],
)
def test_a_file_that_is_no_report_is_kept(
    content: str, said: str, tmp_path: Path, facts: dict[str, Any]
) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=said):
        report(tmp_path, step("works", WORKS))
    assert (tmp_path / "report.json").read_text() == content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "0"], "--minutes 0: give 0.1 to 1440"),
        (["--preset", "huge"], "--preset: the preset must be one of paper, demo"),
        (["--scale", "1/7"], "--scale: the scale must be a multiple of 1/16"),
        (["--device", "abacus"], "--device: the device must be auto, cpu"),
        (["-o", "FILE"], "-o FILE is a file: name a folder"),
        (["-o", "FILE/report"], "-o: the folder FILE/report cannot be written: Not a directory"),
    ],
)
def test_bad_options_are_one_sentence(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").touch()
    assert main(["bench", "gpu", "--rehearse", *options]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert said in printed
    assert list(tmp_path.rglob("report.json")) == []
