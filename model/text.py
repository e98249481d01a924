"""Text that files bring, made fit for a terminal, a log or a page. It loads no torch."""

from __future__ import annotations

import json
import logging
import os
import re
import reprlib
import unicodedata
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
    r"""Write out what a terminal or a page would obey instead of showing, such as ``\x1b``.

    These are control characters, line ends, bidirectional controls, characters of no width and
    lone surrogates. What has been escaped once stays as it is.

    Args:
        text: any text.
        longest: characters of the result; of a longer text the middle is left out.
    """
    if len(text) > 2 * longest:  # before the work, which is slow for a text of many megabytes
        text = text[:longest] + text[-longest:]
    return _shortened(_UNSAFE.sub(_escape, text), longest)


def escaped_json(value: object) -> str:
    r"""Return ``value`` as indented JSON that hides nothing from a terminal: ``\u001b``, not ESC.

    Raises:
        ValueError: it has no JSON, as NaN.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    lines = text.split("\n")  # those between values; inside of one JSON writes \n itself
    return "\n".join(_UNSAFE.sub(_escape_json, line) for line in lines)


def file_name(path: Path) -> str:
    """Return the name of a file as it can be shown, if its bytes are no text too."""
    return escaped(os.fsencode(path.name).decode(errors="replace"))


def quoted(value: Any) -> str:
    """Return ``value`` as an error message quotes it: on one line, and short."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a huge number"
    try:
        text = _BRIEF.repr(value)
    except ValueError:  # Python writes out no number of thousands of digits
        text = "a huge number"
    text = escaped(text)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 3  # an error's advice is at its end
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
    """Formatter that escapes what files and names bring into messages and tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {escaped(line)}" for line in lines)  # none passes for a message
