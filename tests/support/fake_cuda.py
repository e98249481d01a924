"""CUDA's streams, events and memory on the CPU, as unforgiving as the real ones.

Work is done in the order of its stream, and no sooner than somebody waits for it; memory holds
nonsense until the work that fills it was done.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import torch
from torch import Tensor

POISON = 0xDD


class FakeEvent:
    """A stand-in for `torch.cuda.Event`, of the latest recording."""

    def __init__(self, **_: bool) -> None:
        self.stream: FakeStream | None = None
        self.passed = False

    def record(self, stream: FakeStream) -> None:
        """Pass when all work of ``stream`` so far is done."""
        self.stream, self.passed = stream, False
        stream.add(self._pass)

    def query(self) -> bool:
        """Return True if it has passed."""
        return self.passed

    def synchronize(self) -> None:
        """Let its stream work until it passes."""
        assert self.stream is not None, "an event that was never recorded is waited for"
        while not self.passed:
            self.stream.step()

    def _pass(self) -> None:
        self.passed = True


class FakeStream:
    """A stand-in for `torch.cuda.Stream`.

    Attributes:
        calls: what was asked of it but for work.
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        self.device, self.priority = device, priority
        self.cuda_stream = next(_handles)
        self.calls: list[str] = []
        self._work: deque[Callable[[], None]] = deque()
        _streams[self.cuda_stream] = self

    def add(self, work: Callable[[], None]) -> None:
        """Do ``work`` after all that came before."""
        self._work.append(work)

    def step(self) -> None:
        """Do the first piece of work."""
        work = self._work[0]
        work()
        self._work.popleft()

    def wait_event(self, event: FakeEvent | torch.cuda.Event) -> None:
        """Let what comes next wait."""
        self.calls.append("wait")
        self.add(event.synchronize)

    def wait_stream(self, other: FakeStream) -> None:
        """Let what comes next wait for all that ``other`` has been given."""
        event = FakeEvent()
        event.record(other)
        self.wait_event(event)

    def synchronize(self) -> None:
        """Do everything."""
        self.calls.append("synchronise")
        while self._work:
            self.step()


_handles = itertools.count(9)
_streams: dict[int, FakeStream] = {}


class OnGpu(Tensor):
    """A tensor that is said to be on a GPU."""

    device = torch.device("cuda", 0)
    is_cuda = True


class Pinned(Tensor):
    """Host memory that copies go to by themselves."""

    gpu: FakeCuda

    def copy_(self, source: Tensor, non_blocking: bool = False) -> Pinned:
        """In the current stream, and waited for unless it is ``non_blocking``."""
        plain, stream = self.as_subclass(Tensor), self.gpu.current
        self.gpu.read(source, stream, plain.copy_)
        self.gpu.busy[plain.data_ptr()] += 1

        def done() -> None:
            self.gpu.busy[plain.data_ptr()] -= 1

        stream.add(done)
        if not non_blocking:
            stream.synchronize()
        return self

    def data_ptr(self) -> int:
        """For the host to read."""
        address = super().data_ptr()
        assert not self.gpu.busy[address], "the host reads memory that a copy still goes to"
        return address


class FakeCuda:
    """One GPU, its decoder's stream current.

    Attributes:
        decoder: the stream that is current at first.
        current: the one that is current now.
        busy: how many copies from or to an address are not done.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """In place of torch's own until ``patch`` is undone."""
        self.decoder = self.current = FakeStream()
        self.busy: Counter[int] = Counter()
        self._memory: dict[int, Tensor] = {}
        self._filled: set[int] = set()
        empty = torch.empty

        def pinned(*size: Any, pin_memory: bool = False, **options: Any) -> Tensor:
            if not pin_memory:
                return empty(*size, **options)
            memory = empty(*size, **options).fill_(POISON).as_subclass(Pinned)
            memory.gpu = self
            return memory

        patch.setattr(torch, "empty", pinned)
        patch.setattr(torch.cuda, "Event", FakeEvent)
        patch.setattr(torch.cuda, "Stream", FakeStream)
        patch.setattr(torch.cuda, "stream", self._stream)
        patch.setattr(torch.cuda, "current_stream", lambda device=None: self.current)

    def pixels(self, height: int, width: int) -> Tensor:
        """Memory for a picture, with nothing in it."""
        memory = torch.full((height, width, 4), POISON, dtype=torch.uint8)
        self._memory[memory.data_ptr()] = memory
        return memory.as_subclass(OnGpu)

    def decode(self, pixels: Tensor, content: Tensor) -> torch.cuda.Event:
        """Put ``content`` into ``pixels`` in the decoder's stream; what passes when it is there."""
        address = pixels.data_ptr()
        assert not self.busy[address], "the decoder writes over a picture that is still copied"
        self._filled.discard(address)
        self._memory[address].fill_(POISON)

        def fill() -> None:
            self._memory[address].copy_(content)
            self._filled.add(address)

        self.decoder.add(fill)
        ready = FakeEvent()
        ready.record(self.decoder)
        return cast(torch.cuda.Event, ready)

    def decode_for_ever(self) -> None:
        """Give the decoder's stream the next picture; whoever waits for it has waited too long."""

        def never() -> None:
            raise AssertionError("this waits for the next picture, too")

        self.decoder.add(never)

    def read(self, pixels: Tensor, stream: FakeStream, take: Callable[[Tensor], object]) -> None:
        """Let ``stream`` hand ``pixels`` to ``take``."""
        self.read_at(pixels.data_ptr(), stream, take)

    def read_at(self, address: int, stream: FakeStream, take: Callable[[Tensor], object]) -> None:
        """Read the picture at an address, as `read` does."""
        assert address in self._memory, "there is no picture there"
        self.busy[address] += 1

        def work() -> None:
            assert address in self._filled, "a picture is read before it is there"
            take(self._memory[address])
            self.busy[address] -= 1

        stream.add(work)

    @staticmethod
    def stream_of(handle: int) -> FakeStream:
        """Return the stream of a handle."""
        return _streams[handle]

    @contextmanager
    def _stream(self, stream: FakeStream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before
