"""Progress of long work, for any listener that shows it; imports no other module of the project.

Code that takes long opens a `stage`, or goes through a sequence by `track`. Without a listener
(`listening`) both do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Stage(Protocol):
    """One stage of the work."""

    def advance(self, steps: int = 1) -> None:
        """Count finished steps."""

    def describe(self, details: str) -> None:
        """Replace the text beside the label."""

    def become(self, label: str, done: int, total: int | None) -> None:
        """Replace the label and the counts."""


class Listener(Protocol):
    """Shows progress."""

    def begin(self, label: str, total: int | None, done: int) -> Stage:
        """Start to show a stage of ``total`` steps; None if their number is unknown."""

    def end(self, stage: Stage) -> None:
        """Stop showing a stage."""


class _Silence:
    """Stage that nobody shows."""

    def advance(self, steps: int = 1) -> None:
        pass

    def describe(self, details: str) -> None:
        pass

    def become(self, label: str, done: int, total: int | None) -> None:
        pass


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report to ``listener`` the stages that this thread opens in the context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(label: str, total: int | None = None, done: int = 0) -> Iterator[Stage]:
    """Open a stage of the work.

    Args:
        label: name of the work, such as "reading clip.mp4".
        total: steps of the whole stage, if known.
        done: steps already finished.
    """
    listener = _listener.get()
    if listener is None:
        yield _Silence()
        return
    opened = listener.begin(label, total, done)
    try:
        yield opened
    finally:
        listener.end(opened)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` as one stage, a step each."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with stage(label, total) as opened:
        for item in items:
            yield item
            opened.advance()
