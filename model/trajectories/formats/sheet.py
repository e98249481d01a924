"""Rows of numbers as spreadsheets, scripts and headsets write them, with or without names.

Cells stand between tabs, semicolons, commas or white space; with any of them but commas a decimal
comma is a point. Rows are parsed by numpy a block at a time: in one go the longest files would keep
every other thread, the window's too, from running for seconds.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

import numpy as np

from nerv360.errors import InputError
from nerv360.trajectories.formats import names
from nerv360.trajectories.formats.cells import (
    COMMENTS,
    MOST_COLUMNS,
    RowParser,
    cells_of,
    header_in,
    numbers_in,
)
from nerv360.trajectories.formats.names import Column
from nerv360.trajectories.formats.table import DoubtfulFormatError, Line, blocks, shown
from nerv360.trajectories.recording import RECORDED
from nerv360.trajectories.trajectory import MAX_SAMPLES, Floats, too_long

MAX_TURNS = 2_000_000
"""Looks that are read by way of rotations, or in several layouts; four hours at 144 a second."""
_MOST_BARE_COLUMNS = 16
_HEAD_LINES = 200


@dataclass
class Sheet:
    """Rows of numbers.

    Attributes:
        label: the file as the user named it.
        columns: their contents, None for those that are not named or have no use.
        named: the file or the user names the columns.
        values: n×k numbers of the columns that are used, in the order of ``used``; a frame index
            that a row leaves out is NaN.
        used: indices of columns.
        comments: lines ``# key: value``.
        header: the names as the file has them.
        remarks: sentences on rows that were left out.
    """

    label: str
    columns: list[Column | None] = field(default_factory=list)
    named: bool = False
    values: Floats = field(default_factory=lambda: np.empty((0, 0)))
    used: list[int] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def of(self, role: str) -> tuple[Column, Floats] | None:
        """Return the column of a role, and its numbers, or None if there is none."""
        for place, index in enumerate(self.used):
            found = self.columns[index]
            if found is not None and found.role == role:
                return found, self.values[:, place]
        return None


class NoRowsError(InputError):
    """The text holds neither names of columns nor a row of numbers."""


def read_sheet(
    stream: TextIO, label: str, given: list[Column | None] | None = None, lenient: bool = False
) -> Sheet:
    """Return the rows of a text, which is never held as a whole.

    Args:
        given: contents of the columns, which then need not be named.
        lenient: take rows below names that are not known; the caller knows what they hold.

    Raises:
        NoRowsError: it is no such text.
        InputError: a row is broken.
    """
    reading = _Reading(label, given, lenient or given is not None)
    for block in blocks(stream, label):
        reading.take(block)
    return reading.sheet()


class _Reading:
    """A sheet while it is being read.

    Our recordings end every row with a line feed. A last line without one was cut off, even if it
    can be read (``…,7`` instead of ``…,78.1``), and is left out. Other programs often omit the last
    line feed; their last line is left out only if it cannot be read.
    """

    def __init__(self, label: str, given: list[Column | None] | None, lenient: bool) -> None:
        self._sheet = Sheet(label)
        self._given, self._lenient = given, lenient
        self._rows: RowParser | None = None
        self._number = 1
        self._hint: str | None = None
        self._commented: tuple[list[str], str | None] | None = None
        self._words: tuple[int, str] | None = None
        self._data: list[array[float]] = []
        self._most = MAX_TURNS
        self._left_out: list[int] = []

    def take(self, block: str) -> None:
        lines = block.split("\n")
        tail = lines.pop()  # after the last line feed there is text only at the end of the file
        numbered = list(enumerate(lines, self._number))
        self._number += len(lines)
        if self._rows is None:
            numbered = self._begin(numbered)
        if self._rows is not None:
            self._add(numbered)
            if tail.strip():
                self._add_last(tail)
        elif tail.strip("\0 \t\r") and (rest := self._begin([(self._number, tail)])):
            self._add(rest)

    def sheet(self) -> Sheet:
        sheet = self._sheet
        if self._rows is None:
            raise NoRowsError(self._why())
        values = np.array([np.asarray(column) for column in self._data]).T
        sheet.values = values.reshape(-1, len(sheet.used))
        if self._left_out:
            more = len(self._left_out) - 1
            lines = f"and {more} more lack numbers and are" if more else "lacks a number and is"
            sheet.remarks.insert(0, f"line {self._left_out[0]} {lines} left out")
        return sheet

    def _why(self) -> str:
        if self._words is None:
            return f"{self._sheet.label} is not a gaze path"
        number, text = self._words
        return (
            f"{self._sheet.label} is not a gaze path: line {number} names none of its columns, "
            f"'{shown(text)}'"
        )

    def _begin(self, lines: list[Line]) -> list[Line]:
        """Read the lines up to the first row; return the rows."""
        for index, (number, line) in enumerate(lines):
            text = line.strip()
            if not text or self._hinted(text):
                continue
            if text.startswith(COMMENTS):
                self._comment(text)
                if header := header_in(text.lstrip("#%/ "), self._hint):
                    self._commented = header
                continue
            if header := header_in(text, self._hint):
                self._start(*header, after=lines[index + 1 :])
                return lines[index + 1 :]
            if row := numbers_in(line, self._hint, self._given):
                cells, separator = row
                if self._commented is not None and len(self._commented[0]) == len(cells):
                    self._start(self._commented[0], separator)
                else:
                    self._refuse_unknown_names(len(cells), separator)
                    self._start([""] * len(cells), separator)
                return lines[index:]
            self._words = (number, text)
            if number > _HEAD_LINES:
                raise NoRowsError(self._why())
        return []

    def _refuse_unknown_names(self, width: int, separator: str | None) -> None:
        if self._words is None or self._lenient:
            return
        number, text = self._words
        if len(cells_of(text, separator)) == width:
            raise DoubtfulFormatError(
                f"{self._sheet.label}: line {number}, '{shown(text)}', names no yaw and no pitch: "
                f"name the columns (such as time_s,yaw_deg,pitch_deg)"
            )

    def _hinted(self, text: str) -> bool:
        """Read the line ``sep=;`` of spreadsheets."""
        hint = re.fullmatch(r"\"?sep=([;,\t|])\"?", text.lower())
        if hint:
            self._hint = hint[1]
        return hint is not None

    def _start(self, header: list[str], separator: str | None, after: Sequence[Line] = ()) -> None:
        sheet = self._sheet
        rows = [line for _, line in after if line.strip() and line.lstrip()[0] not in "#%"]
        if any(header) and rows and len(cells_of(rows[0], separator)) == len(header) + 1:
            last = cells_of(rows[0], separator)[-1]
            if last.strip():  # a first column of row names, as R writes it
                header = ["", *header]
        found: list[Column | None] = [None] * len(header)
        if any(header):
            found = names.columns(header)
        if self._given is not None:
            if len(self._given) > len(header):
                raise InputError(
                    f"{sheet.label} has {len(header)} columns, not {len(self._given)} as named"
                )
            found = [*self._given, *[None] * (len(header) - len(self._given))]
        sheet.named = any(found)
        if len(header) > (MOST_COLUMNS if sheet.named else _MOST_BARE_COLUMNS):
            raise InputError(f"{sheet.label} has {len(header)} columns, too many for a gaze path")
        _refuse_twins(found, sheet.label)
        sheet.header, sheet.columns = header, found
        sheet.used = [i for i, each in enumerate(found) if each or not sheet.named]
        self._rows = RowParser(sheet.label, found, sheet.used, separator)
        self._data = [array("d") for _ in sheet.used]
        roles = {each.role for each in found if each}
        self._most = MAX_SAMPLES if roles >= {"yaw", "pitch"} else MAX_TURNS

    def _comment(self, line: str) -> None:
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            if len(self._sheet.comments) < 1000:
                self._sheet.comments[key.strip()] = value.strip()

    def _add(self, lines: list[Line]) -> None:
        assert self._rows is not None
        numbered, table = self._rows.parse(lines, self._comment)
        needed = np.ones(len(table), bool)
        for place, index in enumerate(self._sheet.used):
            if not self._rows.is_frame(index):
                needed &= ~np.isnan(table[:, place])
        self._left_out += np.array(numbered, np.int64)[~needed].tolist()
        for values, column in zip(self._data, table[needed].T, strict=True):
            values.frombytes(np.ascontiguousarray(column).tobytes())
        if len(self._data[0]) + len(self._left_out) > self._most:
            raise InputError(too_long(self._sheet.label, self._most))

    def _add_last(self, line: str) -> None:
        if RECORDED not in self._sheet.comments:
            if line.startswith("#"):
                return
            try:
                self._add([(self._number, line)])
                return
            except InputError:
                pass
        self._sheet.remarks.append("the last row was cut off and is left out")


def _refuse_twins(found: list[Column | None], label: str) -> None:
    roles = [each.role for each in found if each]
    for role in roles:
        if roles.count(role) > 1:
            raise DoubtfulFormatError(
                f"{label} has two columns for {role}: name the columns (such as "
                f"time_s,yaw_deg,pitch_deg,-, with - for those without use)"
            )
