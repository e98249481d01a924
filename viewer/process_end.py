"""End of the process while a thread is in native code, when a normal shutdown may crash."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

_unfinished: list[Callable[[], bool]] = []


def watch(unfinished: Callable[[], bool]) -> None:
    """Register a function that tells if a thread is in native code, or in a read that may hang."""
    _unfinished.append(unfinished)


def needs_leaving() -> bool:
    """Return True if a thread is in native code: a normal shutdown could crash, so call `leave`."""
    return any(unfinished() for unfinished in _unfinished)


def leave(code: int) -> NoReturn:
    """End the process at once, only flushing its output."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a pipe that closed early
            stream.flush()
    os._exit(code)
