"""Every step of a report, in small, and what the documents say of them."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nerv360 import devices, toolchain
from nerv360.decoding import ENGINES, Engine, picture_size
from nerv360.decoding.compiled.engine import CompiledEngine
from nerv360.errors import UnavailableError
from nerv360.lab.benchmarks import PAPER_TABLE1, PaperPart, comparison
from nerv360.lab.worker import WorkerError
from nerv360.networks import preset as nerv360_preset
from nerv360.scene import Decoder
from nerv360.viewer.commands.gpu_report import (
    PAPER,
    REHEARSAL,
    ReportSize,
    machine,
    report_gpu,
    run,
    suite,
    tasks,
)
from nerv360.viewer.commands.gpu_report.document import as_markdown
from nerv360.viewer.commands.gpu_report.plan import ReportStep, planned_steps
from nerv360.viewer.commands.gpu_report.predictions import PREDICTIONS
from nerv360.viewer.commands.gpu_report.suite import run_tests
from nerv360.viewer.commands.gpu_report.tasks import Subject
from nerv360.viewer.commands.gpu_report.values import Facts
from nerv360.viewer.commands.gpu_report.viewing import told
from tests.support.fake_driver import install_driver, install_torch
from tests.support.fake_gpu import FakeGpu

CARD: Any = {
    "date": "2026-11-30T05:00:00+00:00",
    "commit": "a" * 40,
    "device": "cuda",
    "processor": "NVIDIA H100",
    "driver": "580.1",
    "cuda": "13.0",
    "torch": "2.13.0",
    "triton": "3.7.1",
    "python": "3.11.7",
    "refusals": {
        "nerv360": dict.fromkeys(("eager", "folded", "compiled", "fused", "gl")),
        "hnerv": dict.fromkeys(("eager", "folded", "compiled", "gl")),
        "hnerv-boost": dict.fromkeys(("eager", "folded", "compiled", "gl")),
    },
}


def replayed(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    """Return the compiled engine on a GPU's stand-in."""
    return CompiledEngine(decoder, FakeGpu(), size, dtype=torch.float32)


@pytest.mark.slow
def test_every_step_runs_in_small(
    display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(task: Callable[[], Any], *_: object) -> Any:
        try:
            return pickle.loads(pickle.dumps(task))()
        except UnavailableError:
            raise
        except Exception as error:
            raise WorkerError(str(error)) from error

    monkeypatch.setattr(run, "run_alone", run_here)
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: False)
    # Graphs are replayed on a stand-in; the suite itself holds the restless hand.
    on_cpu = replace(ENGINES["compiled"], opener=replayed, devices=("cpu",), compiles=False)
    monkeypatch.setitem(ENGINES, "compiled", on_cpu)
    quick = "test_memory_that_comes_and_goes_has_not_grown_and_memory_that_leaks_has"
    monkeypatch.setattr(suite, "SOAK", f"{suite.SOAK}::{quick}")
    lines: list[str] = []

    def steps(plan: ReportSize, facts: Facts) -> list[ReportStep]:
        # Windows of the other two are the same again, and a process each.
        others = ("window-hnerv", "window-hnerv-boost")
        return [step for step in planned_steps(plan, facts) if step.name not in others]

    facts = machine(REHEARSAL, "cpu")
    complete = report_gpu(tmp_path, REHEARSAL, facts, 10.0, lines.append, steps)
    report = json.loads((tmp_path / "report.json").read_text())
    refused = {n: o["reason"] for n, o in report["steps"].items() if o["state"] == "refused"}
    assert complete, lines
    tests = refused.pop("tests", None)
    if not torch.cuda.is_available():
        assert tests is not None
        assert re.fullmatch(r"\d\d tests were skipped: torch sees no CUDA device", tests)
    cuda = {"nerv360-fused": "needs a CUDA device, not cpu"}
    drawn = {n: r for n, r in refused.items() if n.endswith("-gl")}
    assert {n: r for n, r in refused.items() if n not in drawn} == cuda
    assert all(reason.endswith("draws on the CPU") for reason in drawn.values())
    for name in ("nerv360-compiled", "hnerv-compiled", "nerv360-eager"):
        assert report["steps"][name]["result"]["playing"]["median_ms"] > 0
    assert report["graphics"]["interop"] == "needs pictures that are decoded on a CUDA device"
    document = (tmp_path / "report.md").read_text()
    assert "**This is a rehearsal**" in document
    assert "| NeRV360 | folded" in document
    for name in ("demo", "nerv360"):
        result = report["steps"][f"window-{name}"]["result"]
        assert result["shown"] > 0
        assert result["decode_ms"] > 0
        assert f"]({result['screenshot']})" in document
        with Image.open(tmp_path / result["screenshot"]) as picture:
            assert len(picture.convert("RGB").resize((64, 36)).getcolors(9999) or []) > 20
    start = report["steps"]["first-start"]["result"]
    for key in ("cold", "warm"):
        assert start[key]["first_picture_s"] > 0
        assert start[key]["fastest_engine_after_s"] > 0
    assert report["steps"]["soak"]["result"]["passed"] == 1


def test_what_nobody_has_measured_comes_first_on_a_card() -> None:
    names = [step.name for step in planned_steps(PAPER, CARD)]
    assert names[:5] == [
        "nerv360-compiled",
        "nerv360-fused",
        "nerv360-eager",
        "hnerv-compiled",
        "hnerv-boost-compiled",
    ]
    assert names[-6:] == [
        f"{preset}-{engine}"
        for preset in ("paper-aligned", "demo")
        for engine in ("compiled", "fused", "eager")
    ]
    assert len(set(names)) == len(names)
    assert {each.step for each in PREDICTIONS} <= set(names)


def test_on_a_card_only_what_it_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(monkeypatch, 13000)
    install_torch(monkeypatch, ("NVIDIA H100 80GB HBM3", (9, 0)))
    monkeypatch.setattr(toolchain, "missing_tools", lambda: None)
    subject = Subject("paper", "1", "auto")
    facts = json.loads(json.dumps(tasks.facts(subject)))
    assert (facts["device"], facts["processor"]) == ("cuda", "NVIDIA H100 80GB HBM3")
    assert (facts["cuda"], facts["capability"]) == ("13.0", [9, 0])
    steps = planned_steps(PAPER, facts)
    assert [step.name for step in steps] == [step.name for step in planned_steps(PAPER, CARD)]
    assert [step.name for step in steps if step.refusal] == []
    monkeypatch.setattr(toolchain, "missing_tools", lambda: "needs a C compiler: apt install gcc")
    refused = [step for step in planned_steps(PAPER, tasks.facts(subject)) if step.refusal]
    assert {step.refusal for step in refused} == {"needs a C compiler: apt install gcc"}
    assert {step.name.rpartition("-")[2] for step in refused} == {"compiled", "fused"}


def test_the_paper_s_pictures_have_the_paper_s_size() -> None:
    configs = comparison("paper", Fraction(PAPER.scale))
    sizes = {name: picture_size(config) for name, config in configs.items()}
    assert sizes["nerv360"] == (1080, 1920)
    assert sizes["hnerv"] == sizes["hnerv-boost"] == (3072, 6144)
    assert configs["nerv360"] == nerv360_preset("paper")


def timing(fps: float) -> dict[str, float]:
    return {"median_ms": 1000 / fps, "slowest_percent_ms": 1250 / fps}


def decoded(fps: float, gib: float) -> dict[str, Any]:
    result = {"looking": timing(fps), "playing": timing(fps * 0.9), "size": [1080, 1920]}
    return {**result, "memory_mib": {"allocated": gib * 1024, "reserved": 0.0, "driver": 0.0}}


def test_measurements_stand_beside_predictions_and_the_paper() -> None:
    results: dict[str, Any] = {
        "nerv360-compiled": decoded(250, 0.6),
        "nerv360-fused": decoded(325, 0.33),
        "hnerv-compiled": {**decoded(40, 2.5), "looking": None, "size": [3072, 6144]},
        "training-hnerv": {"fps": 5.5, "memory_bytes": 19 * 2**30},
        "first-start": {
            key: {"first_picture_s": 5.0, "fastest_engine_after_s": s, "faster_engine_s": s - 5}
            for key, s in (("cold", 61.0), ("warm", 11.0))
        },
    }
    steps: dict[str, Any] = {}
    for step in planned_steps(PAPER, CARD):
        done = {"state": "done", "seconds": 30.0, "result": results.get(step.name)}
        failed = {"state": "failed", "reason": "CUDA error: a | b", "seconds": 1.0}
        steps[step.name] = {"title": step.title, **(done if step.name in results else failed)}
    plan = {"preset": "paper", "scale": "1", "pictures": 300, "shown_s": 12.0}
    report: Any = {**CARD, "plan": plan, "steps": steps}
    document = as_markdown(report)
    assert "rehearsal" not in document
    assert "NeRV360, viewports of 1920×1080." in document
    for row in (
        "| compiled | 250 | 200 | 225 | 180 | 0.60 | 240–280 | 90–100 | 0.59 |",
        "| fused | 325 | 260 | 292 | 234 | 0.33 | 260–330 | 105–125 | 0.31 |",
        "| eager | – | – | – | – | – | – | – | – |",
        "| paper, H100 | – | – | 38.4 | – | 3.6 | – | – | – |",
        "| HNeRV, compiled | 36 | 28.8 | 2.50 | 15 | 26.2 |",
        "| training, HNeRV | 5.5 | 2.7 | 19.00 | 18.4 | 51.3 |",
        "| cold, empty caches | 5.00 | 61.00 | 56.00 |",
    ):
        assert row in document
    assert "1.30 times as fast as the compiled one, which pays" in document
    assert "- uploads, failed: CUDA error: a \\| b" in document
    assert PAPER_TABLE1["hnerv"]["training"] == PaperPart(2.7, 51.3)


def test_a_log_of_the_viewer_is_read() -> None:
    log = (
        "nerv360: first picture 1.25 s after the start\n"
        "nerv360: decoding with the eager engine on NVIDIA H100\n"
        "nerv360: a faster engine was built in 41.5 s\n"
        "nerv360: 512 pictures shown, 480 decoded\n"
        "nerv360: the latest pictures took 4.01 ms each by the compiled engine, and 0.31 ms by "
        "CUDA to texture\n"
    )
    assert told(log.splitlines()) == {
        "first_picture_s": 1.25,
        "faster_engine_s": 41.5,
        "shown": 512.0,
        "decoded": 480.0,
        "decode_ms": 4.01,
        "engine": "compiled",
        "upload_ms": 0.31,
        "upload": "CUDA to texture",
    }
    missing = "nerv360: there is no faster engine: the compiled engine needs a C compiler"
    assert told([missing]) == {"no_faster_engine": "the compiled engine needs a C compiler"}


@pytest.mark.slow
def test_tests_that_fail_fail_their_step(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("def test_good(): pass\ndef test_bad(): assert 0\n")
    with pytest.raises(WorkerError, match="1 of 2 tests fail: test_bad"):
        run_tests([str(file)], {})
    with pytest.raises(WorkerError, match="pytest ended with exit code 4"):
        run_tests([str(tmp_path / "missing.py")], {})


def test_without_a_checkout_tests_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(suite, "PROGRAM", tmp_path)
    with pytest.raises(WorkerError, match="run the report from a checkout"):
        run_tests([], {})
