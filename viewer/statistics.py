"""Numbers for the overlay: rates and memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

import psutil
import torch

_WINDOW_S = 1.5


class Rate:
    """How often something happens a second, over the last moment."""

    def __init__(self) -> None:
        self.total = 0
        self._times: deque[float] = deque(maxlen=1024)

    def count(self) -> None:
        """It happened, now."""
        self.total += 1
        self._times.append(time.monotonic())

    def per_second(self) -> float:
        """0 where it has not happened lately."""
        return rate_of(self._times)


def rate_of(times: Iterable[float]) -> float:
    """Events a second over the last moment, from their times on the monotonic clock."""
    recent = [t for t in list(times) if t > time.monotonic() - _WINDOW_S]
    if len(recent) < 2 or recent[-1] <= recent[0]:
        return 0.0
    return (len(recent) - 1) / (recent[-1] - recent[0])


class Memory:
    """What the process holds, read a few times a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._read_at = -1.0
        self._resident = 0
        self._device: int | None = None

    def read(self, device: torch.device | None) -> tuple[int, int | None]:
        """Bytes resident, and bytes that torch reserves on a CUDA ``device``, else nothing."""
        now = time.monotonic()
        if now - self._read_at > 0.5:
            self._read_at = now
            self._resident = self._process.memory_info().rss
            on_gpu = device is not None and device.type == "cuda"
            self._device = torch.cuda.memory_reserved(device) if on_gpu else None
        return self._resident, self._device


def seconds_since_start() -> float:
    """Seconds since the operating system started this process."""
    return time.time() - psutil.Process().create_time()
