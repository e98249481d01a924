"""The examination: what is missing is one line with the remedy, and nothing ends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nerv360 import toolchain
from nerv360.decoding import ENGINES
from nerv360.viewer.cli import main
from nerv360.viewer.commands.examination import Finding
from nerv360.viewer.commands.examination.decoding import decoding_facts
from nerv360.viewer.commands.examination.findings import _asked, findings
from nerv360.viewer.commands.examination.machine import machine_facts
from tests.support.fake_driver import install_driver, install_torch

OLD, NEW = ("NVIDIA GeForce GTX 1080", (6, 1)), ("NVIDIA GeForce RTX 4090", (8, 9))
NO_WINDOW = {"failed": "the display offers no OpenGL 3.3"}


def told(graphics: dict[str, Any] | None = None) -> dict[str, Finding]:
    """Lines of the machine as stand-ins let this process see it, through JSON as from children."""
    machine, decoding = json.loads(json.dumps([machine_facts(), decoding_facts()]))
    return {each.name: each for each in findings(machine, decoding, graphics or NO_WINDOW)}


def test_an_old_driver_is_named_with_the_one_that_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(monkeypatch, 12020)
    install_torch(monkeypatch)
    lines = told()
    sentence = (
        "the NVIDIA driver (CUDA 12.2) is too old for CUDA 13.0: update the driver to R580 or "
        "later, or install a torch built for CUDA 12"
    )
    assert lines["card"] == Finding("card", False, sentence)
    for name in ("compiled", "fused"):
        assert lines[f"{name} engine"].text == f"needs a CUDA device: {sentence}"
    assert lines["folded engine"] == Finding("folded engine", True, "ready")
    assert lines["torch"].text.endswith("built for CUDA 13.0")


def test_an_old_card_is_named_with_its_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(monkeypatch, 13000)
    install_torch(monkeypatch, OLD)
    lines = told()
    assert not lines["card"].good
    assert "has no code for the card NVIDIA GeForce GTX 1080" in lines["card"].text
    assert "install a torch built for an older CUDA" in lines["card"].text
    assert "GTX 1080" in lines["compiled engine"].text
    assert lines["eager engine"].good


def test_a_missing_compiler_and_header_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(monkeypatch, 13000)
    install_torch(monkeypatch, NEW)
    memory = SimpleNamespace(total_memory=24 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: memory)
    lines = told()
    card = "NVIDIA GeForce RTX 4090, compute capability 8.9, 24 GiB; NVIDIA driver (CUDA 13.0)"
    assert lines["card"] == Finding("card", True, card)
    assert lines["compiled engine"].text == "ready; it compiles at its first start"
    header = tmp_path / "Python.h"
    monkeypatch.setattr(toolchain, "python_header", lambda: header)
    lines = told()
    said = f"needs {header}, which is not installed: "
    assert lines["compiler"].text.startswith(said)
    assert lines["compiled engine"].text.startswith(said)
    assert not lines["fused engine"].good
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    lines = told()
    assert lines["compiled engine"].text.startswith("needs a C compiler, which is not installed: ")
    assert not lines["compiler"].good


def test_a_card_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(device: object) -> None:
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nmore")

    install_driver(monkeypatch, 13000)
    install_torch(monkeypatch, NEW)
    monkeypatch.setattr(torch.cuda, "get_device_properties", busy)
    lines = told()
    reason = "CUDA error: all CUDA-capable devices are busy or unavailable"
    assert lines["card"] == Finding("card", False, reason)
    assert lines["eager engine"].text.startswith("fails: ")


def test_a_window_that_interop_works_in(monkeypatch: pytest.MonkeyPatch) -> None:
    graphics = {
        "renderer": "NVIDIA GeForce RTX 4090/PCIe/SSE2",
        "opengl": "3.3.0 NVIDIA 580.1",
        "software": False,
        "interop": None,
        "gl": None,
    }
    machine = {"driver": "NVIDIA driver 580.1 (CUDA 13.0)", "failed": "boom"}
    decoding = {**json.loads(json.dumps(decoding_facts())), "card": "NVIDIA GeForce RTX 4090"}
    lines = {each.name: each for each in findings(machine, decoding, graphics)}
    assert lines["OpenGL"].text == "3.3.0 NVIDIA 580.1, NVIDIA GeForce RTX 4090/PCIe/SSE2"
    assert lines["interop"].good
    assert lines["gl engine"] == Finding("gl engine", True, "ready")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "it was ended by SIGABRT"),
        ("raise ImportError('libcudart.so.13: cannot open')", "ImportError: libcudart.so.13"),
    ],
)
def test_a_part_that_crashes_is_a_line(code: str, said: str) -> None:
    crashed = _asked(partial(eval, f"exec({code!r})"))
    assert said in crashed["failed"]
    lines = {each.name: each for each in findings(crashed, crashed, crashed)}
    assert said in lines["torch"].text
    assert {name for name, line in lines.items() if line.good} == {"Python"}
    assert {f"{name} engine" for name in ENGINES} <= set(lines)


@pytest.mark.slow
def test_a_torch_that_cannot_be_loaded_is_a_line(tmp_path: Path) -> None:
    broken = tmp_path / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise OSError('libcudart.so.13: cannot open')")
    facts = _asked(decoding_facts, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert facts["failed"].endswith("OSError: libcudart.so.13: cannot open")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
def test_a_driver_is_asked_in_another_process(tmp_path: Path) -> None:
    source = tmp_path / "driver.c"
    source.write_text(
        "int cuInit(unsigned f) { return 0; }\n"
        "int cuDriverGetVersion(int *v) { *v = 12020; return 0; }\n"
        "int cuDeviceGetCount(int *n) { *n = 1; return 0; }\n"
    )
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    assert "(CUDA 12.2)" in _asked(machine_facts, environment)["driver"]
    source.write_text("int cuInit(unsigned f) { __builtin_trap(); return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    assert "it was ended by SIG" in _asked(machine_facts, environment)["failed"]


@pytest.mark.slow
@pytest.mark.usefixtures("display")
def test_it_is_printed_for_people_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = {each["name"]: each for each in found}
    assert [f"{name} engine" for name in ENGINES] == [each["name"] for each in found[-6:]]
    for name in ("Python", "torch", "OpenGL", "eager engine", "folded engine", "gl engine"):
        assert lines[name]["good"], lines[name]
    if not torch.cuda.is_available():
        assert lines["compiled engine"]["text"].startswith("needs a CUDA device: ")


def test_lines_are_printed_below_one_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Finding("torch", True, "2.13.0"), Finding("OpenGL", False, "no \x1b[31m screen")]
    monkeypatch.setattr("nerv360.viewer.commands.examination.examine", lambda: found)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "+ torch   2.13.0\n- OpenGL  no \\x1b[31m screen\n"
