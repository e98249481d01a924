"""Runs a process that may crash or hang, and ends all processes that it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nerv360.text import escaped
from nerv360.viewer.paths import PROGRAM

_LONGEST = 300


class ChildError(RuntimeError):
    """Error of a process that failed; the message is one line that says why."""


def run_child(
    command: Sequence[str], environment: Mapping[str, str], limit_s: float, log: Path
) -> dict[str, Any]:
    """Return the JSON object that ``command`` prints last.

    Args:
        command: program and arguments.
        environment: of the process.
        limit_s: seconds after which it and all that it started are ended.
        log: file for what it prints on stderr; deleted if it succeeds.

    Raises:
        ChildError: it failed, said why it failed, or took too long.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        try:
            process = subprocess.Popen(
                command,
                cwd=PROGRAM,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                process_group=0 if sys.platform != "win32" else None,
            )
        except OSError as error:
            raise ChildError(f"{command[0]} cannot be started: {error.strerror}") from error
        with process:
            try:
                printed, _ = process.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired:
                reason = f"it took longer than {limit_s:.0f} seconds and was ended"
                raise ChildError(reason) from None
            finally:
                _end_group(process)
    result = _last_object(printed.decode(errors="replace"))
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise ChildError(_with_last_line(f"it was ended by {name}", log))
    if process.returncode or result is None:
        raise ChildError(_with_last_line(f"it ended with exit code {process.returncode}", log))
    if "failed" in result:
        raise ChildError(escaped(str(result["failed"])))
    log.unlink()
    with contextlib.suppress(OSError):  # the folder may hold other logs
        log.parent.rmdir()
    return result


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the remaining processes of the group that a process leads."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _last_object(printed: str) -> dict[str, Any] | None:
    lines = printed.strip().splitlines()
    try:
        values = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _with_last_line(sentence: str, log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{sentence}: {escaped(lines[-1].strip(), _LONGEST)}" if lines else sentence
