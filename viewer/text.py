"""Text as libraries take it that know UTF-8 alone."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` in which bytes of a file name that are not UTF-8 (Python keeps them as surrogates),
    and NUL, which ends a text in C, are written out as ``\\udcff`` and ``\\x00``.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
