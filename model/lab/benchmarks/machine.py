"""Origin of a measurement: machine, versions, time."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

_CHECKOUT = Path(__file__).resolve().parents[3]


def machine_facts(device: torch.device) -> dict[str, Any]:
    """Return the origin of a benchmark on ``device``, for its JSON.

    ``commit`` ends in ``-dirty`` if files differ from it, and is None outside a checkout;
    ``driver`` is the NVIDIA driver's version, None on other devices.
    """
    cuda = device.type == "cuda"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": checkout_commit(_CHECKOUT),
        "machine": platform.machine(),
        "device": str(device),
        "processor": torch.cuda.get_device_name(device) if cuda else processor_name(),
        "driver": _driver() if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "nerv360": _version("nerv360"),
    }


def facts_line(facts: dict[str, Any]) -> str:
    """Summarise `machine_facts` in one line."""
    return (
        f"{facts['processor']}, {facts['device']}, {facts['threads']} threads, "
        f"torch {facts['torch']}, {facts['date'][:10]}"
    )


def processor_name() -> str:
    """Return the CPU's name as reported by the system."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def checkout_commit(checkout: Path) -> str | None:
    """Return the commit of a checkout, with ``-dirty`` if files differ; None for other folders."""
    if not (checkout / ".git").exists():
        return None  # installed: git would report a surrounding repository, if there is one
    return _answer(
        "git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"
    )


def _version(package: str) -> str | None:
    """Return the version of an installed package, or None if it has no metadata."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _driver() -> str | None:
    versions = _answer("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return versions.splitlines()[0] if versions else None


def _answer(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
