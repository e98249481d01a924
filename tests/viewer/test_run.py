"""Threads that decode beside a window which the processor draws."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nerv360.viewer.paths import DEMO
from nerv360.viewer.run import leave_a_core

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
_PROGRAM = """
import sys
from nerv360.viewer.cli import main
main(["view", sys.argv[1], "--exit-after", "0.1"])
import torch
print(torch.get_num_threads())
"""


@pytest.mark.usefixtures("display")
def test_a_core_is_left_to_software_that_draws(tmp_path: Path) -> None:
    inherited = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    finished = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(DEMO)],
        capture_output=True,
        text=True,
        env={**inherited, "XDG_CONFIG_HOME": str(tmp_path)},
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert int(finished.stdout.split()[-1]) == max(1, CORES - 1)


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield CORES
    torch.set_num_threads(before)


def test_it_is_if_torch_is_loaded(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS")  # what is set meanwhile goes again
    leave_a_core()
    assert torch.get_num_threads() == max(1, threads - 1)


def test_a_chosen_number_of_threads_stays(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    leave_a_core()
    assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (threads, "7")
