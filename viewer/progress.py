"""Progress of a command, for people: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Self, TextIO

from nerv360.text import escaped

FIRST_LINE_S, NEXT_LINE_S = 1.0, 10.0
"""Seconds until the first line of a stage without a terminal, and between later ones."""

_PATIENCE_S = 0.25


class CommandProgress:
    """Shows the innermost stage of a command on stderr.

    In a terminal it is a bar with elapsed and remaining time. Elsewhere a stage prints a line after
    a second, and another every ten seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create it without showing anything yet.

        Args:
            stream: where to show it; None means stderr.
            clock: returns elapsed seconds.
        """
        self._given, self._clock = stream, clock
        self._stages: list[_Stage] = []
        self._lock = threading.RLock()
        self._bars: Any = None
        self._ticker: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._stop_bars()

    def begin(self, label: str, total: int | None, done: int) -> _Stage:
        """Show a stage from now on."""
        with self._lock:
            opened = _Stage(self, escaped(label), total, done, self._clock())
            self._stages.append(opened)
            if self._stream.isatty():
                opened.task = self._start_bars().add_task(
                    opened.label, total=total, completed=done, counts=opened.counts, details=""
                )
                for outer in self._stages[:-1]:
                    self._bars.update(outer.task, visible=False)
            elif self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._ticker.start()
            return opened

    def end(self, stage: Any) -> None:
        """Stop showing a stage."""
        with self._lock:
            self._stages.remove(stage)
            if self._bars is not None:
                self._bars.remove_task(stage.task)
                if self._stages:
                    self._bars.update(self._stages[-1].task, visible=True)
                else:
                    self._stop_bars()

    def changed(self, stage: _Stage) -> None:
        """Show the changed counts or details of a stage."""
        if self._bars is not None:
            self._bars.update(
                stage.task,
                description=stage.label,
                total=stage.total,
                completed=stage.done,
                counts=stage.counts,
                details=stage.details,
            )

    def now(self) -> float:
        """Return the clock's time."""
        return self._clock()

    def show_lines(self) -> None:
        """Print a line for the innermost stage if one is due."""
        with self._lock:
            if not self._stages:
                return
            stage, now = self._stages[-1], self._clock()
            wait = FIRST_LINE_S if stage.printed is None else NEXT_LINE_S
            if now - (stage.began if stage.printed is None else stage.printed) >= wait:
                stage.printed = now
                print(stage.line(now), file=self._stream, flush=True)

    @property
    def _stream(self) -> TextIO:
        return self._given or sys.stderr or io.StringIO()  # without a console there is no stderr

    def _tick(self) -> None:
        while not self._ended.wait(_PATIENCE_S):
            self.show_lines()

    def _start_bars(self) -> Any:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[counts]}", markup=False, style="green"),
                TextColumn("{task.fields[details]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._bars.start()
        return self._bars

    def _stop_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class _Stage:
    """One visible stage."""

    def __init__(
        self, shown: CommandProgress, label: str, total: int | None, done: int, began: float
    ) -> None:
        self._shown = shown
        self.label, self.total, self.began = label, total, began
        self.done = self._before = done
        self.details = ""
        self.printed: float | None = None
        self.task: Any = None

    @property
    def counts(self) -> str:
        """Finished steps and all of them; empty if their number is unknown."""
        return "" if self.total is None else f"{self.done}/{self.total}"

    def advance(self, steps: int = 1) -> None:
        """Count finished steps."""
        self.done += steps
        self._shown.changed(self)

    def describe(self, details: str) -> None:
        """Replace the text beside the label."""
        self.details = escaped(details)
        self._shown.changed(self)

    def become(self, label: str, done: int, total: int | None) -> None:
        """Replace the label and the counts."""
        if escaped(label) != self.label:
            self.began, self._before = self._shown.now(), done
        self.label, self.done, self.total = escaped(label), done, total
        self._shown.changed(self)

    def line(self, now: float) -> str:
        """Return the stage as one line at time ``now``."""
        parts = [self.label]
        if self.total is not None:
            parts.append(f"{self.done} of {self.total}")
        parts += [self.details] if self.details else []
        passed, gained = now - self.began, self.done - self._before
        parts.append(duration(passed))
        if self.total is not None and gained > 0:
            parts.append(f"about {duration(passed / gained * (self.total - self.done))} left")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a duration in words, such as ``40 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
