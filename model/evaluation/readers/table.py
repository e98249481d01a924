"""Rows of numbers in text, for every reader."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from model.errors import InputError
from model.evaluation.trajectory import Floats


def numbers(line: str, separator: str | None) -> list[float] | None:
    """The finite numbers of one line, or None where it holds anything else."""
    try:
        values = [float(field) for field in line.split(separator)]
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def first_row(text: str, separator: str | None) -> int:
    """How many numbers the first line that is not blank holds; 0 where it is no row of numbers."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return len(numbers(line, separator) or [])


def rows(text: str, separator: str | None, columns: int, label: str) -> Floats:
    """Every line that is not blank as a row of ``columns`` numbers.

    Raises:
        InputError: a line holds anything else.
    """
    table = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
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
