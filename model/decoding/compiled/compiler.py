"""Torch's compiler for the engines."""

from __future__ import annotations

import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, fx, nn

from nerv360.decoding.preloading import keep_compiled_code_private

_RECOMPILATIONS = 4096
"""Each counts one program of an engine; an engine has few programs, a process few engines."""

_BUILDING = threading.RLock()


@contextmanager
def building() -> Iterator[None]:
    """Return a context in which no other thread builds an engine.

    Measuring, and starting a capture, wait for the whole device, which breaks the capture of
    another thread. Dynamo counts every size and configuration of a program as a recompilation of
    the same code, and by default refuses the ninth; that limit is meant for programs whose inputs
    change as they run.
    """
    import torch._dynamo

    limits = {
        "recompile_limit": _RECOMPILATIONS,
        "accumulated_recompile_limit": _RECOMPILATIONS,
    }
    with _BUILDING, torch._dynamo.config.patch(limits):
        yield


class CompiledProgram:
    """A program, compiled at its first call, that keeps its code alive.

    The compiler's caches may drop the code at any time, and a reset does. Inductor's kernels are
    unloaded with the last reference to them, and a captured graph would then launch freed code.
    """

    def __init__(self, program: nn.Module, backend: str = "inductor") -> None:
        """Wrap ``program``; ``backend`` is one of dynamo's names."""
        import torch._dynamo

        self._code: list[object] = []
        owner = weakref.ref(self)  # dynamo keeps the compiler longer than the program

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
    """Free what was half built when ``error`` was raised: its traceback holds the frames."""
    current: BaseException | None = error
    while current is not None:
        traceback.clear_frames(current.__traceback__)
        current = current.__cause__ or current.__context__
