"""A look in, an RGBA picture out: the protocol of an engine and the table of engines.

Importing it does not load torch, so that the command line's help can follow from the table.
"""

from model.decoding.engine import Engine, Picture
from model.decoding.engines import (
    ENGINES,
    PLAINEST,
    EngineKind,
    check_engine,
    engine_choices,
    engine_help,
    needs_compiler,
    open_engine,
    picture_size,
    without_compiler,
)

__all__ = [
    "ENGINES",
    "PLAINEST",
    "Engine",
    "EngineKind",
    "Picture",
    "check_engine",
    "engine_choices",
    "engine_help",
    "needs_compiler",
    "open_engine",
    "picture_size",
    "without_compiler",
]
