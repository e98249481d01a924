"""A file that one process writes is refused to another, and free once that process has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.locks import locked

HOLDER = """
import sys, time
from pathlib import Path
from nerv360.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
ROOT = Path(__file__).parents[2]


def check_refused(path: Path, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence), locked(path):
        pass


def test_the_second_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    with locked(path):
        check_refused(path, f"process {os.getpid()} is writing it")
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            check_refused(path, f"process {process.pid} is writing it")
        finally:
            process.send_signal(signal.SIGKILL)
        process.wait()
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_lock_says_of_its_holder_is_not_believed_blindly(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    with locked(path):
        (tmp_path / ".s.safetensors.lock").write_bytes(b"\x1b[2J\xff" * 9)
        with pytest.raises(InputError, match="another process is writing it"), locked(path):
            pass
