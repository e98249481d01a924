"""Text as libraries take it that know UTF-8 alone."""

from __future__ import annotations

import os
from pathlib import Path


def printable(text: str) -> str:
    r"""``text`` in which bytes of a file name that are not UTF-8 (Python keeps them as surrogates),
    and NUL, which ends a text in C, are written out as ``\udcff`` and ``\x00``.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def printable_name(path: Path) -> str:
    """A file's name as text, also where its bytes are none."""
    return os.fsencode(path.name).decode(errors="replace")
