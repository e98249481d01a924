"""Text from files, escaped for a terminal, a log or a page. Loads no torch."""

from __future__ import annotations

import json
import logging
import os
import re
import reprlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

LONGEST_SENTENCE = 600
LONGEST_TEXT = 2000
"""Characters of a scene's title, licence or credit."""
_LONGEST_QUOTE = 80
_GAP = " … "
_ErrorInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 4, _LONGEST_QUOTE, _LONGEST_QUOTE


def escaped(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""Escape characters that a terminal or a page would obey instead of showing, as ``\x1b``.

    These are control characters, line ends, bidirectional controls, zero-width characters and lone
    surrogates. Text that has been escaped before stays as it is.

    Args:
        text: any text.
        longest: most characters of the result; the middle of a longer text is left out.
    """
    if len(text) > 2 * longest:  # first, because escaping many megabytes is slow
        text = text[:longest] + text[-longest:]
    return _shortened(_UNSAFE.sub(_escape, text), longest)


def escaped_json(value: object) -> str:
    r"""Return ``value`` as indented JSON with hidden characters escaped: ``\u001b``, not ESC.

    Raises:
        ValueError: it has no JSON form, like NaN.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    lines = text.split("\n")  # JSON has no line ends inside a value
    return "\n".join(_UNSAFE.sub(_escape_json, line) for line in lines)


def file_name(path: Path) -> str:
    """Return a file's name in a form that can be shown, even if its bytes are not valid text."""
    return escaped(os.fsencode(path.name).decode(errors="replace"))


def quoted(value: Any) -> str:
    """Return ``value`` as quoted in an error message: on one line, and short."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a huge number"
    try:
        text = _BRIEF.repr(value)
    except ValueError:  # Python refuses to print integers with thousands of digits
        text = "a huge number"
    text = escaped(text)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def listed(names: Sequence[str], word: str) -> str:
    """Return names between commas, the last after ``word``, such as "and"."""
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 3  # the advice is at the end of an error message
    return text[: longest - end - len(_GAP)] + _GAP + text[len(text) - end :]


def _is_shown(character: str) -> bool:
    """Tell whether ``character`` is drawn, or is one of the spaces within a line."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if _is_shown(character) else character.encode("unicode_escape").decode()


def _escape_json(match: re.Match[str]) -> str:
    character = match[0]
    return character if _is_shown(character) else json.dumps(character)[1:-1]


class EscapingFormatter(logging.Formatter):
    """Formatter that escapes text from files and names in messages and tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {escaped(line)}" for line in lines)  # indented: never like a message
