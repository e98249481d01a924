"""Rates and memory for the overlay."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import torch

MIB = 2**20

_WINDOW_S = 1.5


class Rate:
    """Counter of events and their recent rate."""

    def __init__(self) -> None:
        self.total = 0
        self._times: deque[float] = deque(maxlen=1024)

    def count(self) -> None:
        """Count one event now."""
        self.total += 1
        self._times.append(time.monotonic())

    def per_second(self) -> float:
        """Return recent events per second; 0 if there were none."""
        return rate_of(self._times)


def rate_of(times: Iterable[float]) -> float:
    """Return recent events per second, from times on the monotonic clock.

    For rare events the last interval counts, until twice its length has passed without another.
    """
    known, now = list(times), time.monotonic()
    if len(known) < 2 or now - known[-1] > max(2 * (known[-1] - known[-2]), _WINDOW_S):
        return 0.0
    recent = [t for t in known if t > now - _WINDOW_S]
    first, last = (recent if len(recent) > 1 else known[-2:])[0], known[-1]
    return (max(len(recent), 2) - 1) / (last - first) if last > first else 0.0


class Memory:
    """Memory of the process, read at most twice a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._read_at = -1.0
        self._resident = 0
        self._device: int | None = None

    def read(self, device: torch.device | None) -> tuple[int, int | None]:
        """Return resident bytes, and bytes reserved by torch on a CUDA ``device``, else None."""
        now = time.monotonic()
        if now - self._read_at > 0.5:
            self._read_at = now
            self._resident = self._process.memory_info().rss
            self._device = None
            if device is not None and device.type == "cuda":
                import torch

                self._device = torch.cuda.memory_reserved(device)
        return self._resident, self._device


def seconds_since_start() -> float:
    """Return the seconds since the operating system started this process."""
    return time.time() - psutil.Process().create_time()
