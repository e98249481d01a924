"""Terminal: tables, progress bars, and Ctrl-C that lets a step finish."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from model.text import escaped


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Table without lines between rows; columns after the first hold numbers, to the right."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for index, column in enumerate(head):
        table.add_column(column, justify="right" if index else "left", no_wrap=index > 0)
    for row in rows:
        table.add_row(*(Text("\n".join(map(escaped, cell.split("\n")))) for cell in row))
    return table


def progress_bar(console: Console, *columns: ProgressColumn, visible: bool = True) -> Progress:
    """Bar with a description and counts, and ``columns`` after them; none without a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        console=console,
        disable=not visible or not console.is_terminal,
    )


class StopOnInterrupt:
    """Asks a training to end after its step at the first Ctrl-C (or SIGTERM); a second one stops
    at once. Calling it tells whether to stop.
    """

    def __init__(self) -> None:
        self._asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return self._asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
