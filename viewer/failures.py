"""Unforeseen errors: a window shows them and stays open, a command ends in one sentence."""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from nerv360.errors import first_line, sentence_of
from nerv360.text import escaped

log = logging.getLogger(__name__)

TRACEBACK = "NERV360_TRACEBACK"
"""Environment variable; 1 prints the traceback of an error that ends a command."""

_LONGEST = 200


class Failures:
    """Reports exceptions and goes on; an exception from the same place is logged only once."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        """Report by ``notify``, in one sentence."""
        self._notify = notify
        self._logged: set[object] = set()

    def report(self, error: Exception) -> None:
        """Show ``error``, and log it with its traceback if it is new."""
        stack = traceback.extract_tb(error.__traceback__)
        place = (type(error), stack[-1].filename, stack[-1].lineno) if stack else type(error)
        if place not in self._logged:
            self._logged.add(place)
            log.error("something went wrong, the window stays open", exc_info=error)
        self._notify(f"Something went wrong: {describe(error)}. What was open stays open.")

    @contextlib.contextmanager
    def survived(self) -> Iterator[None]:
        """Report an exception from inside the block, and go on after it."""
        try:
            yield
        except Exception as error:
            self.report(error)


def describe(error: BaseException) -> str:
    """Return an exception as a short clause for the screen."""
    return sentence_of(error) or escaped(first_line(error), _LONGEST)


def shows_tracebacks() -> bool:
    """Tell whether tracebacks are to be printed."""
    return os.environ.get(TRACEBACK, "") not in ("", "0")


def unforeseen_sentence(error: Exception) -> str:
    """Return the sentence on an error that ends a command; its traceback is kept in a file."""
    text = "".join(traceback.format_exception(error))
    what = f"something went wrong ({type(error).__name__}: {describe(error)})"
    try:
        file = _traceback_path()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except (OSError, RuntimeError):
        return f"{what}; with {TRACEBACK}=1 the same command prints the traceback"
    return f"{what}; the traceback is in {file}"


def _traceback_path() -> Path:
    return platformdirs.user_state_path("nerv360") / "traceback.txt"
