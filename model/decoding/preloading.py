"""The compilers for GPUs, loaded when it suits."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import logging
import sys

log = logging.getLogger(__name__)

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_COMPILERS = ("torch._dynamo", "torch._inductor.compile_fx", "triton")


def load_compilers() -> None:
    """Load torch's compiler and Triton, before a window is opened in this process.

    Triton brings an LLVM of its own. Loaded into a process in which OpenGL in software has brought
    one already, it ends the process (seen with Mesa 22.3); the other way round both live.
    Those that are missing are found out again, and named, where they are used.
    """
    for name in _COMPILERS:
        try:
            importlib.import_module(name)
        except (ImportError, RuntimeError) as error:
            log.info("%s cannot be loaded: %s", name, error)


def may_want_compilers() -> bool:
    """A GPU that compilers are for may be here: torch, which would know, is not loaded for this."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return "rocm" in importlib.metadata.version("torch")
    return True
