"""Protocol of a GPU as the compiled engine needs it, and CUDA behind it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from model.decoding.compiled.compiler import CompiledProgram

Captured = TypeVar("Captured", Tensor, tuple[Tensor, ...])

_WARM_UPS = 3


class Event(Protocol):
    """Point in a stream, as `torch.cuda.Event`."""

    def query(self) -> bool:
        """It has passed."""
        ...

    def synchronize(self) -> None:
        """Wait for it on the host."""
        ...


class Gpu(Protocol):
    """The few things beyond tensors that engines and runners need.

    Attributes:
        device: where its tensors are.
    """

    device: torch.device

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability."""
        ...

    @property
    def shared_bytes(self) -> int:
        """Shared memory that one instance of a kernel may have."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """While it is entered, kernels that this thread launches run there."""
        ...

    def compile(self, program: nn.Module) -> Callable[..., Captured]:
        """``program``, compiled at its first call; the code lives as long as what is returned."""
        ...

    def first(self, run: Callable[[], Captured]) -> Captured:
        """Return the result of ``run``, which uses shapes and code for the first time.

        Whatever suits them best is found now. It must not be inside `capture`.
        """
        ...

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """The result of ``run``, and a replay that computes it anew in the same memory from what
        its inputs hold by then, in the order of the current stream.

        It was not computed yet. A graph holds addresses: all that ``run`` uses, modules, tensors
        and compiled code, must be kept as long as it is replayed. Nothing else may be captured,
        or wait for the whole GPU, meanwhile (see `building`).

        Raises:
            RuntimeError: something in ``run``, or beside it, cannot be captured.
        """
        ...

    def event(self) -> Event:
        """A new event that keeps the time."""
        ...

    def record(self, event: Event) -> None:
        """Let ``event`` pass when all work so far in the current stream is done."""
        ...

    def seconds(self, start: Event, end: Event) -> float:
        """Between two events that have passed."""
        ...


class CudaGpu:
    """CUDA graphs over code that inductor wrote.

    All captures of one of these share a pool of memory, and all captures on a device one stream,
    as cuBLAS keeps a workspace for each stream that it has seen. They replay one after the other in
    a stream, and what an earlier one returned is held on to, so that a later one takes none of its
    memory.
    """

    def __init__(self, device: torch.device) -> None:
        """On ``device``, a CUDA device."""
        index = torch.cuda.current_device() if device.index is None else device.index
        self.device = torch.device("cuda", index)
        self._pool = torch.cuda.graph_pool_handle()
        self._side = _side_stream(index)

    @property
    def capability(self) -> tuple[int, int]:
        """See `Gpu.capability`."""
        return torch.cuda.get_device_capability(self.device)

    @property
    def shared_bytes(self) -> int:
        """See `Gpu.shared_bytes`."""
        properties: Any = torch.cuda.get_device_properties(self.device)
        return int(properties.shared_memory_per_block_optin)

    def current(self) -> AbstractContextManager[object]:
        """See `Gpu.current`."""
        return torch.cuda.device(self.device)

    def compile(self, program: nn.Module) -> Callable[..., Captured]:
        """See `Gpu.compile`; inductor's own CUDA graphs stay off, as the default mode has it."""
        return CompiledProgram(program)

    def first(self, run: Callable[[], Captured]) -> Captured:
        """See `Gpu.first`."""
        with self.current(), fastest_convolutions():
            return run()

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """See `Gpu.capture`."""
        # Entered for its end: a capture that breaks would leave its own stream the current one.
        stream = torch.cuda.current_stream(self.device)
        with self.current(), torch.cuda.stream(stream):
            # Compilation and cuDNN's choice of algorithms copy and wait, which a capture forbids.
            self._side.wait_stream(stream)
            with torch.cuda.stream(self._side), fastest_convolutions():
                for _ in range(_WARM_UPS):
                    run()
            stream.wait_stream(self._side)
            graph = torch.cuda.CUDAGraph()
            # While this thread captures, the window's thread may go on calling CUDA.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._side, capture_error_mode="thread_local"
            ):
                captured = run()
        return captured, graph.replay

    def event(self) -> torch.cuda.Event:
        """See `Gpu.event`; who waits for it sleeps, and keeps no core busy."""
        return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]

    def record(self, event: Event) -> None:
        """See `Gpu.record`."""
        assert isinstance(event, torch.cuda.Event)
        event.record(torch.cuda.current_stream(self.device))

    def seconds(self, start: Event, end: Event) -> float:
        """See `Gpu.seconds`."""
        assert isinstance(start, torch.cuda.Event)
        assert isinstance(end, torch.cuda.Event)
        return float(start.elapsed_time(end)) / 1000


@functools.cache
def _side_stream(index: int) -> torch.cuda.Stream:
    """Return the stream for captures on a device, always the same one."""
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


@contextmanager
def fastest_convolutions() -> Iterator[None]:
    """Let cuDNN measure its algorithms: every shape here comes thousands of times.

    It remembers for this thread what it found. The setting is the process's: while it holds, other
    threads measure their new shapes too, for which they wait for the whole GPU. So it ends before
    a capture begins, and only one thread builds at a time (`building`).
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
