"""Ends the process: at a signal, or while a thread's native code could crash a shutdown."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_ENDING = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
"""Signals that ask a process to end; Windows has no SIGHUP."""

_unfinished: list[Callable[[], bool]] = []
_leaving: list[Callable[[], None]] = []


def watch(unfinished: Callable[[], bool]) -> None:
    """Register a function that tells whether a thread runs native code or a read that may hang."""
    _unfinished.append(unfinished)


def at_leave(act: Callable[[], None]) -> None:
    """Register a function that `leave` calls first."""
    _leaving.append(act)


def needs_leaving() -> bool:
    """Return True if a thread is in native code: a normal shutdown could crash, so call `leave`."""
    return any(unfinished() for unfinished in _unfinished)


def leave(code: int) -> NoReturn:
    """End the process at once, only flushing its output."""
    for act in _leaving:
        act()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a pipe may have closed early
            stream.flush()
    os._exit(code)


def interrupt(number: int) -> None:
    """Raise KeyboardInterrupt with the signal's number, so that temporary files are removed."""
    raise KeyboardInterrupt(number)


@contextlib.contextmanager
def at_signals(act: Callable[[int], None]) -> Iterator[None]:
    """Call ``act`` with the number of the first signal that asks the process to end.

    These signals are Ctrl-C, SIGTERM and SIGHUP, unless they are ignored already, like SIGHUP under
    nohup. A second Ctrl-C raises KeyboardInterrupt. Repetitions of the others are ignored, because
    a closing terminal sends several.
    """
    if threading.current_thread() is not threading.main_thread():  # no signals come here
        yield
        return
    asked = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            act(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt(number)

    before = {number: signal.getsignal(number) for number in _ENDING}
    before = {n: known for n, known in before.items() if known not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)
