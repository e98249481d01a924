"""Terminal: tables, and Ctrl-C that lets a step finish."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nerv360.text import escaped


def console() -> Console:
    """Return a console that prints text as it is: file names may look like markup."""
    return Console(markup=False, emoji=False, highlight=False)


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table without lines between rows; numbers are in the columns after the first."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for index, column in enumerate(head):
        table.add_column(column, justify="right" if index else "left", no_wrap=index > 0)
    for row in rows:
        table.add_row(*(Text("\n".join(map(escaped, cell.split("\n")))) for cell in row))
    return table


def facts_table(title: str, rows: Mapping[str, str | list[str]]) -> Table:
    """Return a table of names and values, or lines; what is empty has no row."""
    table = Table(
        title=Text(escaped(title)), title_justify="left", box=SIMPLE_HEAD, show_header=False
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            lines = [value] if isinstance(value, str) else value
            table.add_row(Text(escaped(name)), Text("\n".join(map(escaped, lines))))
    return table


_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class StopOnInterrupt:
    """Asks a training to end after its step at the first Ctrl-C, SIGTERM or SIGHUP.

    A second one stops at once. Calling it tells whether to stop. After SIGHUP, when a terminal has
    closed, what is printed goes nowhere.
    """

    def __init__(self) -> None:
        self._asked = False
        self._previous: dict[int, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Self:
        # Asked now: a terminal that has closed is none.
        self._terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return self._asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT and number != signal.SIGTERM:
            _close(self._terminals)
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


def _close(terminals: Sequence[int]) -> None:
    """Let what is printed to a terminal go nowhere: writing to a closed one fails."""
    for descriptor in terminals:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
