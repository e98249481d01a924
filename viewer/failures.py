"""Unexpected errors: they are reported and logged, and the window stays open."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator

from model.errors import first_line, sentence_of
from model.text import escaped

log = logging.getLogger(__name__)

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
