"""Counts of what a decode loop must not do: allocate, wait for the device, compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_WAITING = (
    (torch.cuda.Event, "synchronize"),
    (torch.cuda.Stream, "synchronize"),
    (torch.cuda, "synchronize"),
)
_READS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal")


@dataclass
class Counts:
    """Events of a decode loop, each by name."""

    allocations: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    compilations: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail with what happened, if anything did."""
        assert self == Counts(), self


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operators whose results are new memory, and those that read values to the host."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts = counts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        if name in _READS or _brings_to_host(args, result):
            self.counts.waits.append(name)
        known = {a.untyped_storage().data_ptr() for a in _tensors((args, kwargs or {}))}
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage.nbytes() and storage.data_ptr() not in known:
                self.counts.allocations.append(name)
        return result


def count(run: Callable[[], object], waiting: Sequence[tuple[Any, str]] = ()) -> Counts:
    """Events while ``run`` is called, twice: nothing compiles while operators are watched.

    Operators are watched on any device, and on CUDA what torch's allocator and its check for
    synchronisation see besides.

    Args:
        waiting: more methods that wait, each as its owner and its name.
    """
    counts = Counts()
    with ExitStack() as stack:
        for owner, method in (*_WAITING, *waiting):
            stack.enter_context(_noted(owner, method, counts.waits))
        stack.enter_context(_cuda(counts))
        stack.enter_context(_compilations(counts))
        with _Operators(counts):
            run()
        run()
    return counts


@contextmanager
def _cuda(counts: Counts) -> Iterator[None]:
    if not torch.cuda.is_available():
        yield
        return
    before = _cuda_allocations()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
    if more := _cuda_allocations() - before:
        counts.allocations.append(f"{more} by torch's CUDA allocator")


def _cuda_allocations() -> int:
    return int(torch.cuda.memory_stats()["allocation.all.allocated"])


@contextmanager
def _noted(owner: Any, method: str, into: list[str]) -> Iterator[None]:
    original = getattr(owner, method)

    def noting(*args: Any, **kwargs: Any) -> Any:
        into.append(method)
        return original(*args, **kwargs)

    with patch.object(owner, method, noting):
        yield


@contextmanager
def _compilations(counts: Counts) -> Iterator[None]:
    from torch._dynamo.callback import callback_handler

    def noting(args: Any) -> None:
        counts.compilations.append(str(args.compile_id))

    callback_handler.register_start_callback(noting)
    try:
        yield
    finally:
        callback_handler.remove_start_callback(noting)


def _brings_to_host(args: Any, result: Any) -> bool:
    came_from = {tensor.device.type for tensor in _tensors(args)}
    return "cuda" in came_from and any(t.device.type == "cpu" for t in _tensors(result))


def _tensors(values: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(values)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
