"""A GPU's graphs, events and stream on the CPU, as unforgiving as a real one.

A capture notes operators, and launches of Triton's interpreter, by the addresses of their tensors;
it computes nothing and keeps nothing alive. A replay runs just these, and fails where memory that
was there before the capture has gone. What was allocated during a capture lies in the GPU's pool,
which all its captures share: whatever nobody holds when a later capture begins may be given to
that one, so that each replay spoils what its like may spoil there. Spoilt memory, and what a
capture has not computed yet, is 0xFF everywhere: NaN, 255 or −1.

Copies from pinned memory run as late as they may, and read what is there by then. A graph uses no
memory of the host but in copies from and to pinned memory that do not wait. What a copy reads must
not be rewritten before an event after it has told the host that it is done.

Of real failures it cannot show:

- a compiler's own kernels: inductor's code calls no operators that could be noted, so that programs
  run as they are, or by dynamo's and AOT autograd's backends, and Triton's kernels in its
  interpreter, one program after the other and without races, spills or limits of shared memory;
- compiled code that is unloaded while a graph launches it (tests track the code itself);
- freed memory that still holds what it held: it fails here at once, on a GPU now and then;
- reads across streams that nothing orders: there is one stream, whose work is done when it is
  queued, and `busy` only keeps events from passing;
- use of the host's memory that nobody has declared (`FakeGpu.pinned`, `FakeGpu.pageable`): all
  memory here is the host's;
- what cuDNN, cuBLAS and the allocator do: workspaces, memory that runs out, plans of other threads
  (`Plans` tells of this one's).
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

from nerv360.decoding.compiled.compiler import CompiledProgram
from nerv360.decoding.compiled.gpu import Captured, Event, fastest_convolutions

ILLEGAL_ACCESS = "CUDA error: an illegal memory access was encountered"
BROKEN = "CUDA error: operation failed due to a previous error during capture"
FORBIDDEN = "CUDA error: operation not permitted when stream is capturing"

ELSEWHERE = "Expected all tensors to be on the same device"

_WAITING = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal")


class FakeEvent:
    """Passes once it was recorded, unless its GPU is busy."""

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.recorded = self.uploads = 0

    @property
    def passed(self) -> bool:
        """All before its last record is done."""
        assert self.recorded, "an event that was never recorded tells nothing"
        return not self.gpu.busy

    def query(self) -> bool:
        """See `Event.query`."""
        self.gpu.forbid_to_the_capturing_thread("querying an event")
        if self.passed:
            self.gpu.forget_uploads(self.uploads)
        return self.passed

    def synchronize(self) -> None:
        """See `Event.synchronize`."""
        self.gpu.forbid_to_the_capturing_thread("waiting for an event")
        assert self.passed, "the host would wait for ever"
        self.gpu.forget_uploads(self.uploads)


class FakeGpu:
    """Stands for a GPU; what it computes while it replays is none of the host's doing.

    Attributes:
        capability, shared_bytes: as `Gpu` has them; those of an H100.
        busy: no event passes.
        replays: how often each capture was replayed, in the order of capturing.
        uploads: number of uploads so far, outside of captures.
        took: seconds between any two events.
        during: called in the midst of each capture.
    """

    device = torch.device("cpu")
    _underway: ClassVar[_Capture | None] = None
    _host: ClassVar[dict[int, _HostMemory]] = {}

    def __init__(self, backend: str | None = None) -> None:
        """``backend`` compiles the programs; without one they run as they are."""
        self.backend = backend
        self.capability, self.shared_bytes = (9, 0), 227 * 1024
        self.busy = False
        self.replays: list[int] = []
        self.took = 0.25
        self.during: Callable[[], object] = lambda: None
        self._graphs: list[weakref.ref[_Graph]] = []
        self.uploads = 0
        self._enqueued: list[tuple[Tensor, Address]] = []
        self._numbered = 0
        self._unwaited: dict[int, tuple[Tensor, int]] = {}

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """See `Gpu.pinned`."""
        self.forbid_to_the_capturing_thread("allocating pinned memory")
        memory = torch.empty(shape, dtype=dtype)
        _declare(memory, pinned=True)
        return memory

    @staticmethod
    def pageable(*tensors: Tensor) -> None:
        """Declare that the host's own memory holds ``tensors``."""
        for tensor in tensors:
            _declare(tensor, pinned=False)

    def upload(self, source: Tensor, target: Tensor) -> None:
        """See `Gpu.upload`; the copy runs before the next work of another kind."""
        memory = _memory_of(source)
        assert memory is not None, "only what the host holds is uploaded"
        assert memory.pinned, "the host would wait for a copy from memory that is not pinned"
        assert _memory_of(target) is None, "the target is no memory of the GPU"
        assert (source.shape, source.dtype) == (target.shape, target.dtype)
        assert source.is_contiguous(), "torch would make a contiguous copy on the GPU first"
        assert target.is_contiguous(), "torch would make a contiguous copy on the GPU first"
        capture = FakeGpu._underway
        if capture is not None and capture.thread == threading.get_ident():
            target.copy_(source, non_blocking=True)
        else:
            self.uploads += 1
            self._numbered += 1
            self._enqueued.append((source, Address.of(target)))
            self._check_uploads()
            self._unwaited[self._numbered] = source, source._version

    def forget_uploads(self, number: int) -> None:
        """Note that the host may rewrite the memory of this many uploads."""
        for done in [each for each in self._unwaited if each <= number]:
            del self._unwaited[done]

    def _check_uploads(self) -> None:
        for source, version in self._unwaited.values():
            assert source._version == version, "rewritten while a copy from it may not have run"

    def _finish_uploads(self) -> None:
        with torch.no_grad(), _disable_current_modes():
            for source, target in self._enqueued:
                target.tensor().copy_(source)
        self._enqueued.clear()

    def current(self) -> AbstractContextManager[object]:
        """See `Gpu.current`."""
        return nullcontext()

    def compile(self, program: nn.Module) -> Callable[..., Any]:
        """See `Gpu.compile`."""
        return program if self.backend is None else CompiledProgram(program, self.backend)

    def synchronize(self) -> None:
        """Wait for all work, which no capture of any thread survives."""
        if FakeGpu._underway is not None:
            FakeGpu._underway.broken = True
            raise RuntimeError(FORBIDDEN)
        self._finish_uploads()

    def forbid_to_the_capturing_thread(self, what: str) -> None:
        """Break its capture if this thread has one underway, as others need not."""
        capture = FakeGpu._underway
        if capture is not None and capture.thread == threading.get_ident():
            capture.broken = True
            raise RuntimeError(f"{FORBIDDEN}: {what}")

    def first(self, run: Callable[[], Captured]) -> Captured:
        """See `Gpu.first`."""
        self.forbid_to_the_capturing_thread("measuring")
        self._finish_uploads()
        with fastest_convolutions():
            return run()

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """See `Gpu.capture`, with one run before it."""
        self.first(run)
        self.synchronize()
        graphs: list[_Graph] = self._living_graphs()
        capture = _Capture()
        FakeGpu._underway = capture
        try:
            with capture.notes_launches(), capture:
                captured = run()
                self.during()
        finally:
            FakeGpu._underway = None
            capture.undo()
        if capture.broken:
            raise RuntimeError(BROKEN)
        graph = _Graph(capture.calls, list(capture.pool.values()))
        for storage in graph.pool:
            _spoil(storage)
        self._graphs = [*map(weakref.ref, graphs), weakref.ref(graph)]
        self.replays.append(0)
        return captured, partial(self._replay, graph, len(self.replays) - 1)

    def _replay(self, graph: _Graph, number: int) -> None:
        self.forbid_to_the_capturing_thread("launching a graph")
        self._finish_uploads()
        self.replays[number] += 1
        graphs = self._living_graphs()
        later = graphs.index(graph)
        with torch.no_grad(), _disable_current_modes():
            for index, other in enumerate(graphs):
                for storage in other.pool:
                    if index > later or not _held(storage):
                        _spoil(storage)
            for call in graph.calls:
                call()

    def event(self) -> FakeEvent:
        """See `Gpu.event`."""
        return FakeEvent(self)

    def record(self, event: Event) -> None:
        """See `Gpu.record`."""
        assert isinstance(event, FakeEvent)
        self.forbid_to_the_capturing_thread("recording an event")
        self._finish_uploads()
        self._check_uploads()
        event.recorded, event.uploads = event.recorded + 1, self._numbered

    def seconds(self, start: Event, end: Event) -> float:
        """See `Gpu.seconds`."""
        assert isinstance(start, FakeEvent)
        assert isinstance(end, FakeEvent)
        assert start.passed
        assert end.passed
        return self.took

    def _living_graphs(self) -> list[_Graph]:
        return [graph for ref in self._graphs if (graph := ref()) is not None]


class ShapesGpu(FakeGpu):
    """A GPU of torch's meta device: it computes nothing, and its memory is not the host's."""

    device = torch.device("meta")

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """See `Gpu.pinned`."""
        return torch.empty(shape, dtype=dtype)

    def upload(self, source: Tensor, target: Tensor) -> None:
        """See `Gpu.upload`."""
        assert (source.device.type, target.device.type) == ("cpu", "meta")
        target.copy_(source)

    def first(self, run: Callable[[], Captured]) -> Captured:
        """See `Gpu.first`."""
        return run()

    def capture(self, run: Callable[[], Captured]) -> tuple[Captured, Callable[[], None]]:
        """See `Gpu.capture`."""
        return run(), lambda: None


class MetaMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Memory of the meta device that was allocated while this was entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._allocated: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in _leaves(result, Tensor):
            if tensor.device.type == "meta":
                storage = tensor.untyped_storage()
                self._allocated[_key(storage)] = weakref.ref(storage)
        return result

    def held(self) -> int:
        """Bytes of it that are still in use."""
        storages = [ref() for ref in self._allocated.values()]
        return sum(storage.nbytes() for storage in storages if storage is not None)


@dataclass(frozen=True)
class Address:
    """Of a tensor, whose memory it does not keep."""

    storage: weakref.ref[torch.UntypedStorage]
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Address:
        """Return the address of ``tensor``."""
        storage, offset = weakref.ref(tensor.untyped_storage()), int(tensor.storage_offset())
        return cls(storage, tensor.dtype, offset, tensor.shape, tensor.stride())

    def tensor(self) -> Tensor:
        """Return the tensor that lies there now; raise an illegal access if it was freed."""
        storage = self.storage()
        if storage is None:
            raise RuntimeError(f"{ILLEGAL_ACCESS}: a graph uses memory that was freed")
        empty = torch.empty(0, dtype=self.dtype)
        return empty.set_(storage, self.offset, self.shape, self.stride)


@dataclass(frozen=True)
class _Call:
    """An operator or a kernel, what it takes, and where its result lies."""

    func: Callable[..., Any]
    args: Any
    result: Any

    def __call__(self) -> None:
        args, kwargs = tree_map_only(Address, Address.tensor, self.args)
        results = _leaves(self.func(*args, **kwargs), Tensor)
        for address, new in zip(_leaves(self.result, Address), results, strict=True):
            old = address.tensor()
            if old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                old.copy_(new)


@dataclass(eq=False)
class _Graph:
    """Calls that were captured, with the memory that was allocated meanwhile."""

    calls: list[_Call]
    pool: list[torch.UntypedStorage]


@dataclass(eq=False)
class _Outside:
    """Memory that was there before, and what it held."""

    storage: weakref.ref[torch.UntypedStorage]
    content: Tensor


@dataclass(frozen=True)
class _HostMemory:
    """Memory of the host, as far as it was declared."""

    storage: weakref.ref[torch.UntypedStorage]
    pinned: bool


class Plans(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Plans of cuDNN, one for each shape of a convolution, kept from its first run on.

    Attributes:
        measured: whether the algorithms were measured for it, by shapes of input and weight.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.measured: dict[object, bool] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ == "convolution":
            shapes = (tuple(args[0].shape), tuple(args[1].shape))
            self.measured.setdefault(shapes, torch.backends.cudnn.benchmark)
        return func(*args, **(kwargs or {}))


class _Capture(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what this thread does; an operator's new results are the pool's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.thread = threading.get_ident()
        self.broken = False
        self.calls: list[_Call] = []
        self.pool: dict[int, torch.UntypedStorage] = {}
        self._outside: dict[int, _Outside] = {}

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Lets dynamo run what it has compiled."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in _WAITING:
            self.broken = True
            raise RuntimeError(f"{FORBIDDEN}: {func} reads a value")
        return self.note(func, args, kwargs or {})

    def note(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Do ``func`` once, to learn what it returns."""
        tensors = _leaves((args, kwargs), Tensor)
        on_host = [memory for tensor in tensors if (memory := _memory_of(tensor)) is not None]
        if on_host and len(on_host) == len(tensors):
            return self._do_on_host(func, args, kwargs)
        if on_host:
            self._check_copy(func, args, kwargs, on_host)
        for tensor in tensors:
            self._see(tensor.untyped_storage())
        addresses = tree_map_only(Tensor, Address.of, (args, kwargs))
        result = func(*args, **kwargs)
        for tensor in _leaves(result, Tensor):
            storage = tensor.untyped_storage()
            if self._known(storage) is None:
                self.pool[_key(storage)] = storage
        self.calls.append(_Call(func, addresses, tree_map_only(Tensor, Address.of, result)))
        return result

    def _do_on_host(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Do at once, and never again, what concerns no memory of the GPU."""
        result = func(*args, **kwargs)
        for tensor in _leaves(result, Tensor):
            if _memory_of(tensor) is None:
                _declare(tensor, pinned=False)
        return result

    def _check_copy(self, func: Any, args: Any, kwargs: Any, on_host: list[_HostMemory]) -> None:
        """Break the capture unless ``func`` is a copy that does not wait."""
        packet = getattr(func, "overloadpacket", None)
        if packet is not torch.ops.aten.copy_:
            self.broken = True
            raise RuntimeError(f"{ELSEWHERE}: {func} uses the host's memory")
        waits = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
        if waits or not all(memory.pinned for memory in on_host):
            self.broken = True
            raise RuntimeError(f"{FORBIDDEN}: a copy between host and GPU that waits")

    @contextmanager
    def notes_launches(self) -> Iterator[None]:
        """Note the launches of Triton's interpreter too, which are no operators."""
        interpreter = sys.modules.get("triton.runtime.interpreter")
        if interpreter is None:
            yield
            return
        launch = interpreter.GridExecutor.__call__

        def noted(executor: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.thread:
                return launch(executor, *args, **kwargs)
            with _disable_current_modes():
                return self.note(partial(launch, executor), args, kwargs)

        with patch.object(interpreter.GridExecutor, "__call__", noted):
            yield

    def undo(self) -> None:
        """Bring back what was there before: a capture computes nothing."""
        for outside in self._outside.values():
            storage = outside.storage()
            if storage is not None:
                _bytes(storage).copy_(outside.content)

    def _see(self, storage: torch.UntypedStorage) -> None:
        if self._known(storage) is None:
            with _disable_current_modes():
                content = _bytes(storage).clone()
            self._outside[_key(storage)] = _Outside(weakref.ref(storage), content)

    def _known(self, storage: torch.UntypedStorage) -> torch.UntypedStorage | None:
        outside = self._outside.get(_key(storage))
        return self.pool.get(_key(storage)) or (outside.storage() if outside else None)


def _key(storage: torch.UntypedStorage) -> int:
    return int(storage._cdata)


def _declare(tensor: Tensor, *, pinned: bool) -> None:
    storage = tensor.untyped_storage()
    FakeGpu._host[_key(storage)] = _HostMemory(weakref.ref(storage), pinned)


def _memory_of(tensor: Tensor) -> _HostMemory | None:
    """Return the host's memory that ``tensor`` lies in; None if it is the GPU's."""
    storage = tensor.untyped_storage()
    memory = FakeGpu._host.get(_key(storage))
    return memory if memory is not None and memory.storage() is storage else None


def _held(storage: torch.UntypedStorage) -> bool:
    """Use by any tensor: a graph's own hold on its pool is one, and not a tensor's."""
    return bool(torch._C._storage_Use_Count(storage._cdata) > 1)


def _bytes(storage: torch.UntypedStorage) -> Tensor:
    return torch.empty(0, dtype=torch.uint8).set_(storage)


def _spoil(storage: torch.UntypedStorage) -> None:
    with _disable_current_modes():
        _bytes(storage).fill_(0xFF)


def _leaves(tree: Any, kind: type) -> list[Any]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, kind)]
