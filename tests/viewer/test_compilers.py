"""Compilers are never loaded for the CPU, and before the window for a GPU.

Triton's LLVM, loaded beside that of OpenGL in software, ends the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_CUDA_SESSION = """
import sys, torch
from nerv360.scene import read_scene
from nerv360.viewer import run
from nerv360.viewer.opening import DeviceChoice, Start, prepare_scene
from nerv360.viewer.paths import DEMO

def window(*_: object, **__: object) -> None:
    found = [name for name in ("torch._dynamo", "triton") if name in sys.modules]
    print(*found)
    raise SystemExit

run.Window = window
choice = DeviceChoice("cuda")
choice.device = torch.device("cuda")
scene = prepare_scene(read_scene(DEMO), DEMO, choice)
run.run_window(Start(scene, "nerv360", choice, {engine!r}), run.Options())
"""


def _run(arguments: list[str], folder: Path) -> str:
    """Output of a Python program, which keeps what it writes in ``folder``."""
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    finished = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=300
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return finished.stdout.strip()


@pytest.mark.usefixtures("display")
def test_no_engine_of_the_cpu_and_no_key_loads_a_compiler(tmp_path: Path) -> None:
    assert _run(["-m", "tests.support.every_key"], tmp_path) == ""


def test_for_a_gpu_the_compilers_are_loaded_before_the_window(tmp_path: Path) -> None:
    pytest.importorskip("triton", reason="Triton is not installed")
    assert _run(["-c", _CUDA_SESSION.format(engine="auto")], tmp_path) == "torch._dynamo triton"


def test_an_engine_that_is_not_compiled_loads_none_for_a_gpu(tmp_path: Path) -> None:
    assert _run(["-c", _CUDA_SESSION.format(engine="eager")], tmp_path) == ""
