"""Origin of a measurement: machine, versions, time."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from nerv360.training import stored_names

_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class MachineFacts:
    """Origin of a measurement.

    Attributes:
        commit: ends in ``-dirty`` if files differ from it; None outside a checkout.
        driver: version of the NVIDIA driver; None on other devices.
    """

    date: str
    commit: str | None
    machine: str
    device: str
    processor: str
    driver: str | None
    cuda: str | None
    threads: int
    torch: str
    python: str
    nerv360: str | None

    def __str__(self) -> str:
        """Summarise the facts in one line."""
        return (
            f"{self.processor}, {self.device}, {self.threads} threads, "
            f"torch {self.torch}, {self.date[:10]}"
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results of a benchmark and their origin."""

    facts: MachineFacts

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the facts beside the results."""
        values = asdict(self, dict_factory=stored_names)
        return {**values.pop("facts"), **values}


def machine_facts(device: torch.device) -> MachineFacts:
    """Return the origin of a benchmark on ``device``."""
    cuda = device.type == "cuda"
    return MachineFacts(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=checkout_commit(_CHECKOUT),
        machine=platform.machine(),
        device=str(device),
        processor=torch.cuda.get_device_name(device) if cuda else processor_name(),
        driver=_driver() if cuda else None,
        cuda=torch.version.cuda if cuda else None,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        python=platform.python_version(),
        nerv360=_version("nerv360"),
    )


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or of the CPU with its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_name()}, {torch.get_num_threads()} threads"


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
