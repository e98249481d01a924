"""Rows of numbers in text, for every reader.

Rows are parsed by numpy a block at a time: in one go the longest paths would keep every other
thread, the window's too, from running for seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from model.errors import InputError
from model.trajectories.trajectory import Floats

BLOCK = 2**16
LONGEST_LINE = 2**20

Line = tuple[int, str]
"""Its number in the file, from 1, and its text."""


class Stream(Protocol):
    """Text that is read in pieces."""

    def read(self, size: int, /) -> str: ...


def blocks(stream: Stream, label: str) -> Iterator[str]:
    """A text in pieces of whole lines; only the last may end without a line feed.

    Raises:
        InputError: a line is longer than any row of numbers.
    """
    rest = ""
    while piece := stream.read(BLOCK):
        rest += piece
        end = rest.rfind("\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > LONGEST_LINE:
            raise InputError(f"{label} holds a line of more than {LONGEST_LINE} characters")
    if rest:
        yield rest


def numbers(line: str, separator: str | None) -> list[float] | None:
    """The finite numbers of one line, or None where it holds anything else."""
    try:
        values = [float(field) for field in line.split(separator)]
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def first_row(text: str, separator: str | None) -> int:
    """Count of numbers in the first line that is not blank; 0 where it is no row of numbers."""
    line = re.search(r"\S[^\n]*", text)
    return len(numbers(line[0], separator) or []) if line else 0


def parsed(
    lines: Sequence[str], separator: str | None, columns: int, use: Sequence[int] | None = None
) -> Floats:
    """Lines of numbers, none of them blank, as rows.

    Args:
        separator: between the numbers; None is any white space.
        columns: how many there are in each row of the result.
        use: the columns that are taken, all by default.

    Raises:
        ValueError: a line holds anything else.
    """
    if not lines:
        return np.empty((0, columns))
    table = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2, usecols=use)
    if table.shape != (len(lines), columns) or not np.isfinite(table).all():
        raise ValueError("not as many finite numbers in each line")
    return table


def rows(text: str, separator: str | None, columns: int, label: str) -> Floats:
    """Every line that is not blank as a row of ``columns`` numbers.

    Raises:
        InputError: a line holds anything else.
    """
    parts, number, start = [np.empty((0, columns))], 1, 0
    while start < len(text):
        end = text.find("\n", start + BLOCK) + 1 or len(text)
        lines = text[start:end].split("\n")
        parts.append(_rows(lines, number, separator, columns, label))
        number, start = number + len(lines) - 1, end
    return np.concatenate(parts)


def _rows(lines: list[str], first: int, separator: str | None, columns: int, label: str) -> Floats:
    kept = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    try:
        return parsed([line for _, line in kept], separator, columns)
    except ValueError:
        table = []
    for number, line in kept:
        values = numbers(line, separator)
        if values is None or len(values) != columns:
            raise InputError(f"{label}, line {number}: {columns} finite numbers are expected here")
        table.append(values)
    return np.array(table, dtype=np.float64).reshape(-1, columns)


def path_name(label: str) -> str:
    """The name of the path in the file ``label``."""
    return Path(label).stem


def refuse_part(label: str, part: str) -> None:
    """Raise InputError where a part was asked of a file that holds one path alone."""
    if part:
        raise InputError(f"{label}#{part}: this file holds a single path, leave out the '#{part}'")


def choose(names: list[str], part: str, label: str) -> int:
    """The index of the path called ``part`` among several, in any case of letters.

    Raises:
        InputError: there is none, or no part is named and there are several.
    """
    if not part and len(names) == 1:
        return 0
    lowered = [name.lower() for name in names]
    if part.lower() in lowered:
        return lowered.index(part.lower())
    shown = ", ".join(names[:24]) or "none"
    wrong = f"has no path called {part!r}" if part else "holds several paths"
    raise InputError(f"{label} {wrong}: name one as {label}#NAME, of {shown}")
