"""Peak memory of a process that does only what is measured."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch


@dataclass(frozen=True)
class Peak:
    """A peak of memory and its description."""

    bytes: int
    kind: str


class PeakMemory:
    """Peak over the memory that this process had when the measurement began."""

    def __init__(self) -> None:
        self._before = int(psutil.Process().memory_info().rss)

    def read(self, device: torch.device) -> Peak:
        """Return the peak so far: of this process, or torch's if ``device`` is a GPU."""
        if device.type == "cuda":
            return Peak(torch.cuda.max_memory_allocated(device), "torch's peak on the GPU")
        over = max(peak_bytes() - self._before, 0)
        return Peak(over, "the process's peak over the bare program")


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
