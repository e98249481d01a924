"""Memory of this process by the system's count."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def resident_bytes() -> int:
    """Bytes in physical memory now."""
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
