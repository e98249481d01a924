"""A GPU's graphs and events on the CPU: capturing runs once, replaying runs again in place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from model.decoding.gpu import Captured, Event


class FakeEvent:
    """Has passed unless its GPU is busy."""

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.recorded = 0

    def query(self) -> bool:
        """As `Event.query`."""
        return not self.gpu.busy

    def synchronize(self) -> None:
        """As `Event.synchronize`."""


class FakeGpu:
    """Stands for a GPU; what it computes while it replays is none of the host's doing.

    Attributes:
        busy: no event passes.
        replays: how often each capture was replayed, in the order of capturing.
        took: seconds between any two events.
    """

    device = torch.device("cpu")

    def __init__(self, backend: str | None = None) -> None:
        """``backend`` compiles the programs; without one they run as they are."""
        self.backend = backend
        self.busy = False
        self.replays: list[int] = []
        self.took = 0.25

    def current(self) -> AbstractContextManager[object]:
        """As `Gpu.current`."""
        return nullcontext()

    def compile(self, program: nn.Module) -> Callable[..., Any]:
        """As `Gpu.compile`."""
        if self.backend is None:
            return program
        return torch.compile(program, backend=self.backend, fullgraph=True, dynamic=False)

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """As `Gpu.capture`."""
        captured = run()
        number = len(self.replays)
        self.replays.append(0)

        def replay() -> None:
            self.replays[number] += 1
            with _disable_current_modes():
                for old, new in zip(_tensors(captured), _tensors(run()), strict=True):
                    old.copy_(new)

        return captured, replay

    def event(self) -> FakeEvent:
        """As `Gpu.event`."""
        return FakeEvent(self)

    def record(self, event: Event) -> None:
        """As `Gpu.record`."""
        assert isinstance(event, FakeEvent)
        event.recorded += 1

    def seconds(self, start: Event, end: Event) -> float:
        """As `Gpu.seconds`."""
        assert not self.busy
        return self.took


def _tensors(values: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (values,) if isinstance(values, Tensor) else values
