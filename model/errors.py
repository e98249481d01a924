"""Errors whose messages are written for users, and sentences for some errors of libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from subprocess import CalledProcessError

from nerv360.text import LONGEST_SENTENCE, escaped


class InputError(ValueError):
    """Error in something the user gave: a file, a value, an option.

    The message is one sentence that names the file or value, says what is wrong and what would be
    right. It is one line of at most `LONGEST_SENTENCE` characters in which text from files is
    escaped. A command puts its option's name before the message, prints it without a traceback and
    exits with code 2.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(escaped(sentence, LONGEST_SENTENCE))


class UnavailableError(RuntimeError):
    """Error about something this machine lacks, when the program can go on without it.

    The message is one short sentence that says why.
    """


def sentence_of(error: BaseException) -> str | None:
    """Return a clause that explains ``error`` to users, or None if its own text must suffice.

    The clause has no capital and no full stop. It is known for an `UnavailableError`, for memory
    that ran out, and for a C compiler that failed inside torch's compiler.
    """
    torch = sys.modules.get("torch")  # if torch is not loaded, this is no error of torch
    for each in _causes(error):
        if isinstance(each, UnavailableError):
            return str(each)
        if torch is not None and isinstance(each, torch.OutOfMemoryError):
            return "the device is out of memory; close what else uses it"
        if isinstance(each, CalledProcessError) and isinstance(each.cmd, list):
            return f"{each.cmd[0]} failed with exit code {each.returncode} while it compiled"
    return None


def first_line(error: BaseException) -> str:
    """Return `sentence_of` an error, else the first line of its text, else its type."""
    text = sentence_of(error) or str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and its causes, including those stored by torch's compiler."""
    seen: list[BaseException] = []
    following: list[BaseException | None] = [error]
    while following:
        each = following.pop()
        if each is not None and each not in seen:
            seen.append(each)
            yield each
            following += [each.__cause__, getattr(each, "inner_exception", None)]
