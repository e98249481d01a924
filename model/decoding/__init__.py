"""A look in, an RGBA picture out: the protocol of an engine, the table of engines, their speed and
memory.

What takes torch is imported when it is first used, so that the command line's help can follow from
the table without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from model.decoding.engine import Engine, Picture
from model.decoding.engines import ENGINES, EngineKind
from model.decoding.opening import (
    PLAINEST,
    check_engine,
    engine_help,
    needs_compiler,
    open_engine,
    picture_size,
    without_compiler,
)
from model.decoding.preloading import load_compilers

if TYPE_CHECKING:
    from model.decoding.eager import EagerEngine, to_rgba
    from model.decoding.memory_estimate import decoding_bytes
    from model.decoding.timing import picture_seconds

_HOME = {
    "EagerEngine": "model.decoding.eager",
    "decoding_bytes": "model.decoding.memory_estimate",
    "picture_seconds": "model.decoding.timing",
    "to_rgba": "model.decoding.eager",
}

__all__ = [
    "ENGINES",
    "PLAINEST",
    "EagerEngine",
    "Engine",
    "EngineKind",
    "Picture",
    "check_engine",
    "decoding_bytes",
    "engine_help",
    "load_compilers",
    "needs_compiler",
    "open_engine",
    "picture_seconds",
    "picture_size",
    "to_rgba",
    "without_compiler",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
