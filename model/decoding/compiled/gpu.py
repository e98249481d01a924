"""Protocol of a GPU for the compiled engine, and its implementation for CUDA."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from nerv360.decoding.compiled.compiler import CompiledProgram
from nerv360.errors import first_line

Captured = TypeVar("Captured", Tensor, tuple[Tensor, ...])

_WARM_UPS = 3


class Event(Protocol):
    """Point in a stream, like `torch.cuda.Event`."""

    def query(self) -> bool:
        """Return True if it has passed."""

    def synchronize(self) -> None:
        """Wait for it on the host."""


class Gpu(Protocol):
    """Operations besides tensors that engines and runners need.

    Attributes:
        device: device of its tensors.
    """

    device: torch.device

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability."""

    @property
    def shared_bytes(self) -> int:
        """Shared memory that one instance of a kernel may have."""

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Allocate contiguous memory of the host for `upload`.

        Raises:
            torch.OutOfMemoryError: the system has too little of such memory.
        """

    def upload(self, source: Tensor, target: Tensor) -> None:
        """Copy ``source`` to ``target`` in the order of the current stream, without waiting.

        The copy may run after this returns: until then ``source`` must not be rewritten.

        Args:
            source: contiguous, in memory from `pinned`.
            target: contiguous, on the device, of the same shape and type.
        """

    def current(self) -> AbstractContextManager[object]:
        """Return a context in which kernels launched by this thread run on the device."""

    def compile(self, program: nn.Module) -> Callable[..., Captured]:
        """Return ``program``, compiled at its first call; the result keeps the code alive."""

    def first(self, run: Callable[[], Captured]) -> Captured:
        """Return the result of ``run``, which uses shapes and code for the first time.

        The fastest algorithms are chosen now. Must not be called inside `capture`.
        """

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """Capture ``run``; return its result's memory and a function that replays it.

        A replay computes the result in the same memory from the current contents of the inputs, in
        the order of the current stream. The capture itself computes nothing. A graph holds only
        addresses: everything that ``run`` uses, modules, tensors and compiled code, must be kept
        alive as long as it is replayed. Meanwhile nothing else may be captured or wait for the
        whole GPU (see `building`).

        Raises:
            RuntimeError: something in ``run``, or beside it, cannot be captured.
        """

    def event(self) -> Event:
        """Create an event that records the time."""

    def record(self, event: Event) -> None:
        """Let ``event`` pass when all work so far in the current stream is done."""

    def seconds(self, start: Event, end: Event) -> float:
        """Return the seconds between two events that have passed."""


class CudaGpu:
    """CUDA graphs of inductor's code.

    All captures of one object share a memory pool. All captures on a device share one stream,
    because cuBLAS keeps a workspace for each stream it has seen. Graphs are replayed one after the
    other in a stream, and earlier results are kept alive, so that later graphs do not reuse their
    memory.
    """

    def __init__(self, device: torch.device) -> None:
        """Use ``device``, a CUDA device."""
        index = torch.cuda.current_device() if device.index is None else device.index
        self.device = torch.device("cuda", index)
        self._pool = torch.cuda.graph_pool_handle()
        self._side = _side_stream(index)

    @property
    def capability(self) -> tuple[int, int]:
        return torch.cuda.get_device_capability(self.device)

    @property
    def shared_bytes(self) -> int:
        properties: Any = torch.cuda.get_device_properties(self.device)
        return int(properties.shared_memory_per_block_optin)

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        try:
            return torch.empty(shape, dtype=dtype, pin_memory=True)
        except RuntimeError as error:  # no fault of the cached code: it must not be thrown away
            raise torch.OutOfMemoryError(
                f"too little main memory can be locked for the card: {first_line(error)}"
            ) from error

    def upload(self, source: Tensor, target: Tensor) -> None:
        # Torch does not reuse pinned memory that is freed before a copy from it has run.
        target.copy_(source, non_blocking=True)

    def current(self) -> AbstractContextManager[object]:
        return torch.cuda.device(self.device)

    def compile(self, program: nn.Module) -> Callable[..., Captured]:
        """Compile without inductor's own CUDA graphs, which the default mode leaves off."""
        return CompiledProgram(program)

    def first(self, run: Callable[[], Captured]) -> Captured:
        with self.current(), fastest_convolutions():
            return run()

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        # Entered for its exit: a failed capture would leave its own stream the current one.
        stream = torch.cuda.current_stream(self.device)
        with self.current(), torch.cuda.stream(stream):
            # Compilation and cuDNN's choice of algorithms copy and wait, which captures forbid.
            self._side.wait_stream(stream)
            with torch.cuda.stream(self._side), fastest_convolutions():
                for _ in range(_WARM_UPS):
                    run()
            stream.wait_stream(self._side)
            graph = torch.cuda.CUDAGraph()
            # During this capture the window's thread may go on calling CUDA.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._side, capture_error_mode="thread_local"
            ):
                captured = run()
        return captured, graph.replay

    def event(self) -> torch.cuda.Event:
        """Create an event that lets its waiters sleep instead of keeping a core busy."""
        return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]

    def record(self, event: Event) -> None:
        assert isinstance(event, torch.cuda.Event)
        event.record(torch.cuda.current_stream(self.device))

    def seconds(self, start: Event, end: Event) -> float:
        assert isinstance(start, torch.cuda.Event)
        assert isinstance(end, torch.cuda.Event)
        return float(start.elapsed_time(end)) / 1000


@functools.cache
def _side_stream(index: int) -> torch.cuda.Stream:
    """Return the stream for captures on a device, always the same one."""
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


@contextmanager
def fastest_convolutions() -> Iterator[None]:
    """Let cuDNN measure its algorithms, because every shape here is used thousands of times.

    The results are kept for this thread. The setting is process-wide: meanwhile other threads also
    measure their new shapes, waiting for the whole GPU. So it ends before a capture begins, and
    only one thread builds at a time (`building`).
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
