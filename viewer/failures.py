"""Errors that nobody foresaw: they are told and written down, and the window stays open."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterator

from model.text import escaped

log = logging.getLogger(__name__)

_LONGEST = 200


class Failures:
    """Survives exceptions; each place that fails is logged once, however often it does so."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        """Tell of them by ``notify``, in one sentence."""
        self._notify = notify
        self._logged: set[object] = set()

    def report(self, error: Exception) -> None:
        """Log ``error`` with its traceback, where it is new, and say it."""
        stack = traceback.extract_tb(error.__traceback__)
        place = (type(error), stack[-1].filename, stack[-1].lineno) if stack else type(error)
        if place not in self._logged:
            self._logged.add(place)
            log.error("something went wrong, the window stays open", exc_info=error)
        self._notify(f"Something went wrong: {describe(error)}. What was open stays open.")

    @contextlib.contextmanager
    def survived(self) -> Iterator[None]:
        """Report what is raised inside, and go on after it."""
        try:
            yield
        except Exception as error:
            self.report(error)


def describe(error: BaseException) -> str:
    """An exception as a short sentence for the screen."""
    torch = sys.modules.get("torch")  # without it there is no error of its own
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return "there is not enough memory on the device"
    text = str(error).strip().splitlines()
    return escaped(text[0], _LONGEST) if text else type(error).__name__
