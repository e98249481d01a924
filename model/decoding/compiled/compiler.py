"""Torch's compiler, as the engines use it."""

from __future__ import annotations

import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, fx, nn

from model.decoding.preloading import keep_compiled_code_private

_RECOMPILATIONS = 4096
"""One of them is an engine's program; each kind has few programs, and a process few engines."""

_BUILDING = threading.RLock()


@contextmanager
def building() -> Iterator[None]:
    """While it is entered, no other thread builds an engine.

    Measuring and beginning a capture wait for the whole device, which breaks what another thread
    captures. Dynamo counts every size and configuration of a program as a recompilation of the
    same code, and refuses the ninth by default: that limit is meant for programs that change their
    inputs as they run.
    """
    import torch._dynamo

    limits = {
        "recompile_limit": _RECOMPILATIONS,
        "accumulated_recompile_limit": _RECOMPILATIONS,
    }
    with _BUILDING, torch._dynamo.config.patch(limits):
        yield


class CompiledProgram:
    """A program, compiled at its first call, that keeps the code.

    The compiler's own caches may drop it at any time, a reset does, and the kernels of inductor
    are unloaded with the last reference to them. A captured graph would then launch what is gone.
    """

    def __init__(self, program: nn.Module, backend: str = "inductor") -> None:
        """``backend`` is one of dynamo's names."""
        import torch._dynamo

        self._code: list[object] = []
        owner = weakref.ref(self)  # dynamo keeps the compiler for longer than the program

        def compiler(graph: fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
            made: Callable[..., Any] = torch._dynamo.lookup_backend(backend)(graph, inputs)
            if (program := owner()) is not None:
                program._code.append(made)
            return made

        keep_compiled_code_private()
        self._run = torch.compile(program, backend=compiler, fullgraph=True, dynamic=False)

    def __call__(self, *inputs: Tensor) -> Any:
        """Run the program."""
        return self._run(*inputs)


def free_frames(error: BaseException) -> None:
    """Let go of what was half built where ``error`` was raised, which its traceback holds."""
    current: BaseException | None = error
    while current is not None:
        traceback.clear_frames(current.__traceback__)
        current = current.__cause__ or current.__context__
