"""Small parts that every reader of text uses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from nerv360.errors import InputError
from nerv360.text import escaped

BLOCK = 2**16
LONGEST_LINE = 2**20
_LONGEST_QUOTE = 60
_MOST_NAMES = 24

Line = tuple[int, str]
"""Its number in the file, from 1, and its text."""


class DoubtfulFormatError(InputError):
    """A file can be read in more than one way.

    Its sentence ends with what to name, so that a command can go on with "by" and its option.
    """


def blocks(stream: TextIO, label: str) -> Iterator[str]:
    """Yield a text in pieces of whole lines; only the last may end without a line feed.

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


def shown(text: str) -> str:
    """Return what a file says, without control characters and not long, for a sentence."""
    return escaped(text, _LONGEST_QUOTE)


def is_finite_number(value: Any) -> bool:
    """Tell whether what JSON holds is a number that a float can hold."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def path_name(label: str) -> str:
    """Return the name of the path in the file ``label``."""
    return Path(label).stem


def refuse_part(label: str, part: str) -> None:
    """Raise InputError if a part was asked of a file that holds only one path."""
    if part:
        raise InputError(f"{label}#{part}: this file holds a single path, leave out the '#{part}'")


def choose(names: list[str], part: str, label: str) -> int:
    """Return the index of the path called ``part`` among several, in any case of letters.

    Raises:
        InputError: there is none, or no part is named and there are several.
    """
    if not part and len(names) == 1:
        return 0
    lowered = [name.lower() for name in names]
    if part.lower() in lowered:
        return lowered.index(part.lower())
    few = ", ".join(map(shown, names[:_MOST_NAMES])) or "none"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    wrong = f"has no path called '{shown(part)}'" if part else "holds several paths"
    raise InputError(f"{label} {wrong}: name one as {label}#NAME, of {few}{more}")
