"""Threads that decode beside a window which the processor draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nerv360.viewer.paths import DEMO

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
_PROGRAM = """
import sys, torch_or_not
from nerv360.viewer.cli import main
main(["view", sys.argv[1], "--exit-after", "0.1", *sys.argv[2:]])
import torch
print(torch.get_num_threads())
"""


def threads(folder: Path, *options: str, **environment: str) -> int:
    """Return the number of threads that decode the demo in a window of its own process."""
    program = _PROGRAM.replace("torch_or_not", "torch" if "--engine" in options else "time")
    inherited = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    finished = subprocess.run(
        [sys.executable, "-c", program, str(DEMO), *options],
        capture_output=True,
        text=True,
        env={**inherited, "XDG_CONFIG_HOME": str(folder), **environment},
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return int(finished.stdout.split()[-1])


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize("options", [(), ("--engine", "folded")])
def test_a_core_is_left_to_software_that_draws(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert threads(tmp_path, *options) == max(1, CORES - 1)


@pytest.mark.usefixtures("display")
def test_a_chosen_number_of_threads_stays(tmp_path: Path) -> None:
    chosen = str(CORES)
    assert threads(tmp_path, "--engine", "folded", OMP_NUM_THREADS=chosen) == CORES
