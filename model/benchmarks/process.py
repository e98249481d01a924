"""Workers: measurements in processes of their own, and the memory of such a process.

A process that did nothing else is the only one whose peak memory is that of what it measures.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

_ROOT = Path(__file__).resolve().parents[2]


class WorkerError(RuntimeError):
    """A worker failed; the message ends with the last line that it printed."""


class OutOfMemoryError(WorkerError):
    """The device or the system ran out of memory in a worker."""


def run_worker(
    module: str, task: Mapping[str, Any], label: str, limit_s: float | None = None
) -> dict[str, Any]:
    """The JSON object that ``python -m module`` prints last, given ``task`` as its one argument.

    Args:
        module: full name of the worker's module.
        task: plain JSON values.
        label: what is measured, to begin the sentence of a failure with.
        limit_s: seconds after which it is ended; it may take any time where it is None.

    Raises:
        OutOfMemoryError: it ran out of memory, or the system ended it.
        WorkerError: it failed otherwise, or took too long.
    """
    command = [sys.executable, "-m", module, json.dumps(task)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=_ROOT, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise WorkerError(f"{label} took longer than {limit_s:g} seconds") from error
    if done.returncode == -signal.SIGKILL:
        raise OutOfMemoryError(f"{label} failed: the system ended the process")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        kind = OutOfMemoryError if "torch.OutOfMemoryError" in done.stderr else WorkerError
        raise kind(f"{label} failed: {lines[-1]}")
    values: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return values


def resident_bytes() -> int:
    """Bytes of this process in physical memory now."""
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """The most bytes that this process ever had in physical memory.

    Not ``ru_maxrss`` where there is something better: on Linux it starts at the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(ln for ln in status.read_text().splitlines() if ln.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return int(info.peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)
