"""Runs a call in a process of its own: what it takes is its own, and a crash ends nothing else.

``python -m nerv360.lab.worker`` reads a pickled call from stdin and writes its pickled outcome.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from nerv360.errors import InputError, UnavailableError, sentence_of
from nerv360.text import escaped

R = TypeVar("R")

_LONGEST = 300
_PR_SET_PDEATHSIG = 1


class WorkerError(RuntimeError):
    """Error: a call failed, or its process did; the message is one line that says why."""


class OutOfMemoryError(WorkerError):
    """Error: the device or the system ran out of memory."""


def run_alone(
    call: Callable[[], R],
    limit_s: float | None = None,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> R:
    """Return what ``call`` returns in a process of its own.

    Args:
        call: a function of a module, or a `functools.partial` of one; it and its result are
            pickled.
        limit_s: seconds after which the process and all that it started are ended.
        environment: of the process; this one's by default.
        log: file for what it prints; deleted if it succeeds.

    Raises:
        OutOfMemoryError: it ran out of memory, or the system ended it.
        UnavailableError: this machine lacks what it needs.
        WorkerError: it failed otherwise, or took too long.
    """
    if log is None:
        with tempfile.TemporaryDirectory() as folder:
            return run_alone(call, limit_s, environment, Path(folder) / "log" / "log.txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as printed:
        process = subprocess.Popen(
            # -P: a module in the user's folder must not stand in for one of ours.
            [sys.executable, "-P", "-m", "nerv360.lab.worker"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            process_group=0 if sys.platform != "win32" else None,
        )
        with process:
            try:
                answer, _ = process.communicate(pickle.dumps(call), timeout=limit_s)
            except subprocess.TimeoutExpired:
                reason = f"it took longer than {limit_s:.0f} seconds and was ended"
                raise WorkerError(reason) from None
            finally:
                _end_group(process)
    if process.returncode < 0:
        killed = signal.Signals(-process.returncode)
        kind = OutOfMemoryError if killed is signal.SIGKILL else WorkerError
        raise kind(_with_last_line(f"it was ended by {killed.name}", log))
    if process.returncode or not answer:
        raise WorkerError(_with_last_line(f"it ended with exit code {process.returncode}", log))
    result, error = pickle.loads(answer)
    if error is not None:
        raise error
    log.unlink()
    with contextlib.suppress(OSError):  # the folder may hold other logs
        log.parent.rmdir()
    return result


def reason_of(error: Exception) -> str:
    """Return one line of an error: torch's compilers go on for pages."""
    sentence = sentence_of(error)
    if sentence is not None:
        return sentence
    first, *rest = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if first.endswith(":") and rest:  # "backend='inductor' raised:"
        first = f"{first} {rest[0]}"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def end_with_parent() -> None:
    """End this process and all that it starts, if the one that started it ends first (Linux)."""
    if sys.platform != "linux" or os.getpgrp() != os.getpid():
        return
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Perform the call on stdin; what it prints goes to stderr."""
    end_with_parent()
    result, failure = None, None
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            result = pickle.load(sys.stdin.buffer)()
        except (UnavailableError, WorkerError) as error:
            failure = error
        except InputError as error:
            failure = WorkerError(str(error))
        except Exception as error:
            traceback.print_exc()
            failure = _kind(error)(escaped(reason_of(error), _LONGEST))
        pickle.dump((result, failure), answer)


def _kind(error: Exception) -> type[WorkerError]:
    names = {kind.__name__ for kind in type(error).__mro__}  # torch need not be loaded for its own
    return OutOfMemoryError if names & {"MemoryError", "OutOfMemoryError"} else WorkerError


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the remaining processes of the group that a process leads."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _with_last_line(sentence: str, log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{sentence}: {escaped(lines[-1].strip(), _LONGEST)}" if lines else sentence


if __name__ == "__main__":
    # The errors that it answers with must be those of the module that the other process imports.
    from nerv360.lab.worker import main as run

    run()
