"""Workers: measurements in separate processes, and the memory of a process.

The peak memory of a process is the measured task's only if the process does nothing else.
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


class WorkerError(RuntimeError):
    """Error: a worker failed; the message ends with the last line that it printed."""


class OutOfMemoryError(WorkerError):
    """Error: the device or the system ran out of memory in a worker."""


def run_worker(
    module: str, task: Mapping[str, Any], label: str, limit_s: float | None = None
) -> dict[str, Any]:
    """Run ``python -m module`` with ``task`` as its argument; return the JSON that it prints last.

    Args:
        module: full name of the worker's module.
        task: plain JSON values.
        label: the activity, to begin an error's sentence with.
        limit_s: time limit in seconds; None for no limit.

    Raises:
        OutOfMemoryError: it ran out of memory, or the system ended it.
        WorkerError: it failed otherwise, or took too long.
    """
    # -P: a module in the user's folder must not stand in for one of ours.
    command = [sys.executable, "-P", "-m", module, json.dumps(task)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
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
    """Return the bytes of this process now in physical memory."""
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """Return the most bytes that this process ever had in physical memory.

    ``ru_maxrss`` is only a fallback: on Linux it starts at the parent's peak.
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
