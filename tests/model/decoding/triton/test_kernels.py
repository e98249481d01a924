"""The kernels compile for real GPUs on a machine without one, and use what those are fast with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

triton = pytest.importorskip("triton", reason="Triton is not installed")

SHARED = {80: 163 * 1024, 90: 227 * 1024, 120: 99 * 1024}
"""Shared memory that a block may have on an A100, an H100 and a GeForce of the 50 series (CUDA's
programming guide)."""


@pytest.mark.parametrize("arch", SHARED)
def test_kernels_fit_the_gpu_and_spill_nothing(arch: int, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path / "cache")
    finished = subprocess.run(
        [sys.executable, "-m", "tests.support.compile_kernels", str(arch)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    report: dict[str, dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])
    paired = {"paired upsampling", "paired first"} if arch == 90 else set()
    small = {"colour", "colour and cells", "fold", "finer"}
    assert set(report) == {"upsampling", "first", "second", "half sums"} | small | paired
    if arch == 120:  # a GeForce, of those that have it for
        assert report["half sums"]["half_sums"] == report["half sums"]["matrix"]
    for name in paired:
        assert report[name]["shared"] <= (SHARED[arch] - 1024) // 2, "two fit a multiprocessor"
    for name, kernel in report.items():
        assert kernel["shared"] <= SHARED[arch], name
        assert not kernel["traps"], name
        assert stack(bytes.fromhex(kernel["binary"]), tmp_path) == 0, name
    for name in {"upsampling", "first"} | paired:
        assert report[name]["estimated"] == report[name]["shared"], "what tiles are left out by"
    for name in {"upsampling", "first", "second"} | paired:
        assert report[name]["matrix"] >= 24, name
        assert report[name]["copies_of_16_bytes"] >= 20, name


def stack(binary: bytes, folder: Path) -> int:
    """Bytes of a thread's stack, where registers that spill go."""
    path = folder / "kernel.cubin"
    path.write_bytes(binary)
    tool = Path(triton.__path__[0]) / "backends" / "nvidia" / "bin" / "cuobjdump"
    usage = subprocess.run(
        [tool, "-res-usage", path], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"STACK:(\d+)", usage)
    assert found, usage
    return int(found[1])
