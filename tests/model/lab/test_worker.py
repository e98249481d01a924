"""A call in a process of its own: what comes back, and how it fails."""

from __future__ import annotations

import operator
import os
from functools import partial
from pathlib import Path

import pytest

from nerv360.errors import UnavailableError
from nerv360.lab.worker import OutOfMemoryError, WorkerError, run_alone


def executing(code: str) -> partial[object]:
    return partial(eval, f"exec({code!r})")


def test_a_result_comes_back_and_the_log_goes(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log.txt"
    assert run_alone(partial(operator.add, (1, 2), (Path("a"),)), log=log) == (1, 2, Path("a"))
    assert not log.parent.exists()


def test_what_is_printed_is_no_result() -> None:
    assert run_alone(partial(print, "chatter")) is None


def test_its_environment_is_as_given() -> None:
    environment = {**os.environ, "NERV360_TEST": "here"}
    assert run_alone(partial(os.getenv, "NERV360_TEST"), None, environment) == "here"


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", OutOfMemoryError, "it was ended by SIGKILL"),
        ("import torch; raise torch.OutOfMemoryError", OutOfMemoryError, "the device is out of"),
        ("raise MemoryError", OutOfMemoryError, "MemoryError"),
        ("raise KeyError('flying')", WorkerError, "KeyError: 'flying'"),
        ("import os; os.abort()", WorkerError, "it was ended by SIGABRT"),
        ("raise SystemExit(3)", WorkerError, "it ended with exit code 3"),
        (
            "from nerv360.errors import UnavailableError; raise UnavailableError('no card')",
            UnavailableError,
            "no card",
        ),
    ],
)
def test_a_failure_says_why(code: str, kind: type[Exception], said: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as raised:
        run_alone(executing(code), log=tmp_path / "log.txt")
    assert raised.type is kind
    assert str(raised.value).startswith(said)
    assert (tmp_path / "log.txt").exists()


def test_a_call_that_takes_too_long_is_ended() -> None:
    with pytest.raises(WorkerError, match="it took longer than 1 seconds and was ended"):
        run_alone(executing("import time; time.sleep(60)"), 1.0)
