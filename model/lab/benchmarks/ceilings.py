"""Ceilings of the machine: rates that no engine can exceed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nerv360.devices import multiplies_bfloat16

GPU_SIDE, CPU_SIDE = 8192, 2048
"""Rows and columns of the matrices whose product is measured."""


@dataclass(frozen=True)
class Ceilings:
    """Rates reached by the machine in the same run.

    Attributes:
        gflops: of a matrix product, by the name of each precision that engines decode in.
        gbytes_per_s: of a copy, read and written.
    """

    gflops: dict[str, float]
    gbytes_per_s: float


def measure_ceilings(device: torch.device) -> Ceilings:
    """Measure a matrix product in each precision, and a copy."""
    cuda = device.type == "cuda"
    side = GPU_SIDE if cuda else CPU_SIDE
    gflops = {}
    for precision in _precisions(device):
        a = torch.randn(side, side, device=device).to(precision)
        product = _fastest(lambda a=a: a @ a, device, 10)  # type: ignore[misc]
        gflops[precision_name(precision)] = 2 * side**3 / product / 1e9
    source = torch.empty(2**28 if cuda else 2**26, dtype=torch.uint8, device=device).fill_(7)
    target = torch.empty_like(source)
    copy = _fastest(lambda: target.copy_(source), device, 10)
    return Ceilings(gflops, 2 * source.numel() / copy / 1e9)


def _precisions(device: torch.device) -> list[torch.dtype]:
    if device.type == "cuda":
        return [torch.float16, torch.float32]
    half = device.type == "cpu" and multiplies_bfloat16()
    return [torch.float32, torch.bfloat16] if half else [torch.float32]


def precision_name(precision: torch.dtype) -> str:
    """Return the precision's name, such as ``float32``."""
    return str(precision).removeprefix("torch.")


def _fastest(run: Callable[[], object], device: torch.device, times: int) -> float:
    """Return the seconds of the fastest run: a ceiling is the rate without disturbance."""
    seconds = []
    for _ in range(times + 2):
        wait_for(device)
        start = time.perf_counter()
        run()
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[2:])


def wait_for(device: torch.device) -> None:
    """Wait until all work queued on a CUDA device is done; return at once on other devices."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
