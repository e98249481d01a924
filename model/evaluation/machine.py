"""On what and when a table was measured."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

import torch

from model.evaluation import probe


def machine_facts(device: torch.device) -> dict[str, Any]:
    """What a table's JSON says about its origin."""
    cuda = device.type == "cuda"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "device": str(device),
        "processor": torch.cuda.get_device_name(device) if cuda else probe._processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "nerv360": importlib.metadata.version("nerv360"),
    }


def facts_line(facts: dict[str, Any]) -> str:
    """The same for a reader."""
    return (
        f"{facts['processor']}, {facts['device']}, {facts['threads']} threads, "
        f"torch {facts['torch']}, {facts['date'][:10]}"
    )
