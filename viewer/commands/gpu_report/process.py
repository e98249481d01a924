"""A step as a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerv360.viewer.commands.examination import run_child

WORKER = "nerv360.viewer.commands.gpu_report.worker"


def run_task(
    task: Mapping[str, Any], environment: Mapping[str, str], limit_s: float, log: Path
) -> dict[str, Any]:
    """Give ``task`` to the worker as `run_child` does.

    Raises:
        ChildError: it failed, or took too long.
    """
    command = [sys.executable, "-m", WORKER, json.dumps(task)]
    return run_child(command, environment, limit_s, log)
