"""Rows of cells: their separators, and the numbers in them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from nerv360.errors import InputError
from nerv360.trajectories.formats import names
from nerv360.trajectories.formats.names import TIMES, Column
from nerv360.trajectories.formats.table import Line, shown
from nerv360.trajectories.trajectory import Floats

COMMENTS = ("#", "%", "//")
MOST_COLUMNS = 256
MAX_FRAME = 999_999_999
_SEPARATORS = ("\t", ";", ",", None)
_CLOCKS = (*TIMES, "frame")
_MISSING = {"", "nan", "-nan", "nan(ind)", "1.#qnan", "na", "n/a", "#n/a", "null", "none", "-"}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def number_in(cell: str, separator: str | None) -> float | None:
    """Return the number in a cell, NaN in an empty one, or None if there is anything else."""
    text = cell.strip().strip("\"'").strip().rstrip("°")
    if text.lower() in _MISSING:
        return math.nan
    if separator != "," or cell.strip().startswith('"') or "," in text:
        text = text.replace(",", ".")
    if "_" in text:  # Python's float takes them
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def clock_in(cell: str) -> float | None:
    """Return the seconds of a time of day (1:02:03.5), or since 1970 of one with its date."""
    text = cell.strip().strip("\"'").strip().replace(",", ".")
    clock = re.fullmatch(r"(\d{1,4}):([0-5]?\d):([0-5]?\d(?:\.\d*)?)", text)
    if clock:
        return 3600.0 * int(clock[1]) + 60.0 * int(clock[2]) + float(clock[3])
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def cells_of(line: str, separator: str | None) -> list[str]:
    """Return the cells of a line, without the quotes around them."""
    line = line.rstrip("\r\n")
    if separator is None:
        return line.split()
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:  # a carriage return within, or more text than any number has
            return [line]
    return line.split(separator)


def header_in(line: str, hint: str | None) -> tuple[list[str], str | None] | None:
    """Return the names of columns in a line, and what stands between them."""
    if len(line) > MOST_COLUMNS * 64:
        return None
    for separator in (hint,) if hint else _SEPARATORS:
        cells = [cell.strip() for cell in cells_of(line, separator)]
        found = names.columns(cells)
        prose = separator is None and not any(each and each.role in _CLOCKS for each in found)
        if len(cells) > 1 and names.tell_a_look(found) and not prose:
            return cells, separator
    return None


def numbers_in(
    line: str, hint: str | None, given: Sequence[Column | None] | None = None
) -> tuple[list[str], str | None] | None:
    """Return the cells of a row of numbers, and what stands between them, or None if it is none.

    Args:
        given: contents of the columns; cells of a column without one need not be numbers.
    """
    for separator in (hint,) if hint else _SEPARATORS:
        cells = cells_of(line, separator)
        while len(cells) > 1 and not cells[-1].strip():
            cells.pop()
        wanted = [*enumerate(given)] if given else [(i, None) for i in range(len(cells))]
        if len(cells) < 2:
            continue
        checked = [each for each in wanted[: len(cells)] if each[1] or not given]
        numbers = [_value_in(cells[i], separator, column) for i, column in checked]
        if all(n is not None for n in numbers) and any(n == n for n in numbers):
            return cells, separator
    return None


def _value_in(cell: str, separator: str | None, column: Column | None) -> float | None:
    value = number_in(cell, separator)
    if value is None and column is not None and column.role in TIMES:
        return clock_in(cell)
    return value


class RowParser:
    """Rows of a file whose columns are known.

    Args:
        label: the file as the user named it.
        columns: contents of the columns, None for those without a name or use.
        used: indices of the columns that are read.
        separator: between the cells; None is any white space.
    """

    def __init__(
        self, label: str, columns: Sequence[Column | None], used: list[int], separator: str | None
    ) -> None:
        self._label = label
        self._columns = columns
        self._used = used
        self._separator = separator
        self._width = len(columns)
        self._named = any(columns)

    def parse(self, lines: list[Line], comment: Callable[[str], None]) -> tuple[list[int], Floats]:
        """Return the numbers of the lines that are rows, and n×k numbers, NaN in empty cells.

        Args:
            comment: is given each line that is a comment.

        Raises:
            InputError: a line is neither.
        """
        try:
            return [number for number, _ in lines], self._parsed([line for _, line in lines])
        except ValueError:
            kept = []
        for number, line in lines:
            text = line.strip()
            if text.startswith(COMMENTS):
                comment(text)
            elif text.strip(";,\t "):
                kept.append((number, line))
        numbered = [number for number, _ in kept]
        try:
            return numbered, self._parsed([line for _, line in kept])
        except ValueError:
            rows = [self._row(*line) for line in kept]
            return numbered, np.array(rows, np.float64).reshape(-1, len(self._used))

    def _parsed(self, lines: list[str]) -> Floats:
        """Return rows by numpy.

        Raises:
            ValueError: some line is no plain row, or has to be looked at by itself.
        """
        used, separator = self._used, self._separator
        if not lines:
            return np.empty((0, len(used)))
        if any(not line or line.isspace() for line in lines):
            raise ValueError("a line without a row")
        if separator is not None:
            gaps = self._width - 1
            if any(line.count(separator) != gaps for line in lines):
                raise ValueError("not as many cells in each line")
            if separator != "," and any("," in line for line in lines):
                lines = [line.replace(",", ".") for line in lines]
        use = None if len(used) == self._width and separator is None else used
        empty = self._empty_frames(lines)
        if empty is not None:
            use = [index for index in used if index != empty]
        table = np.loadtxt(
            lines, delimiter=separator, comments=None, quotechar='"', ndmin=2, usecols=use
        )
        if len(table) != len(lines) or np.isinf(table).any():
            raise ValueError("not a finite number in each cell")
        if empty is not None:
            table = np.insert(table, used.index(empty), np.nan, axis=1)
        if table.shape[1] != len(used):
            raise ValueError("not as many numbers in each line")
        for place, index in enumerate(used):
            if self.is_frame(index) and not (
                empty is not None or _are_frames(table[:, place]).all()
            ):
                raise ValueError("a frame that is no index")
        return table

    def _empty_frames(self, lines: list[str]) -> int | None:
        """Return the column of frames if all these rows leave it empty."""
        for index in self._used:
            if self.is_frame(index) and self._separator is not None:
                cells = (line.split(self._separator, index + 1)[index] for line in lines)
                return index if not any(map(str.strip, cells)) else None
        return None

    def is_frame(self, index: int) -> bool:
        """Tell whether a column holds frame indices."""
        found = self._columns[index]
        return found is not None and found.role == "frame"

    def _row(self, number: int, line: str) -> list[float]:
        cells = cells_of(line, self._separator)
        while len(cells) > self._width and not cells[-1].strip():
            cells.pop()
        if len(cells) != self._width:
            raise self._broken(number, len(cells))
        row = []
        for index in self._used:
            value = _value_in(cells[index], self._separator, self._columns[index])
            if value is None and self._named and not self.is_frame(index):
                raise InputError(
                    f"{self._label}, line {number}: '{shown(cells[index])}' is not a number"
                )
            if value is None or (self.is_frame(index) and not _is_frame_or_nan(value)):
                raise self._broken(number)
            if self.is_frame(index) and value > MAX_FRAME:
                raise InputError(
                    f"{self._label} names a frame beyond {MAX_FRAME}, which no clip has"
                )
            row.append(value)
        return row

    def _broken(self, number: int, cells: int | None = None) -> InputError:
        place = f"{self._label}, line {number}"
        if not self._named:
            return InputError(f"{place}: {self._width} finite numbers are expected here")
        width = _COUNTS[self._width] if self._width < len(_COUNTS) else str(self._width)
        frame = next((i for i in self._used if self.is_frame(i)), len(_ORDINALS))
        which = f", the {_ORDINALS[frame]} a frame index" if frame < len(_ORDINALS) else ""
        if cells is None or not self._width < cells <= 2 * self._width:
            return InputError(f"{place}: {width} numbers are expected here{which}")
        hint = "; if the commas are decimal, separate the columns by semicolons"
        return InputError(
            f"{place}: {width} numbers are expected here{which}, not {cells}"
            f"{hint if self._separator == ',' else ''}"
        )


def _are_frames(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (values >= 0) & (values <= MAX_FRAME) & (values == np.floor(values))


def _is_frame_or_nan(value: float) -> bool:
    return math.isnan(value) or (value >= 0 and value == math.floor(value))
