"""End of the process while threads are where Python's own end, which stops them, may abort."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

_unfinished: list[Callable[[], bool]] = []


def watch(unfinished: Callable[[], bool]) -> None:
    """Ask ``unfinished``, too, whether a thread is inside C++ or in a read that may never end."""
    _unfinished.append(unfinished)


def needs_leaving() -> bool:
    """Some thread would not bear Python's own end: `leave` instead."""
    return any(unfinished() for unfinished in _unfinished)


def leave(code: int) -> NoReturn:
    """End the process at once, with what was written flushed and nothing else done."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a pipe that closed early
            stream.flush()
    os._exit(code)
