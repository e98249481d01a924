"""Chapters of a scene: successive parts of its clip, each learned by itself.

They are given by their first frames, rising from 0. Importing it does not load torch.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from nerv360.errors import InputError

MAX_CHAPTERS = 256
WHOLE = (0,)
"""The chapters of a scene that has one."""


def chapter_of(chapters: Sequence[int], frame: int) -> tuple[int, int]:
    """Return the number of the chapter that has ``frame``, and the frame's number in it."""
    chapter = bisect.bisect_right(chapters, frame) - 1
    return chapter, frame - chapters[chapter]


def chapter_lengths(chapters: Sequence[int], frames: int) -> list[int]:
    """Return the number of frames of each chapter of ``frames`` frames."""
    ends = [*chapters[1:], frames]
    return [end - first for first, end in zip(chapters, ends, strict=True)]


def check_chapters(values: Sequence[object], frames: int) -> tuple[int, ...]:
    """Return the first frames of the chapters of a header.

    Raises:
        InputError: they are not whole numbers that rise from 0 and are less than ``frames``, or
            they are not 2 to `MAX_CHAPTERS`.
    """
    firsts = [value for value in values if type(value) is int]
    rising = all(a < b for a, b in zip(firsts, [*firsts[1:], frames], strict=True))
    if not (len(firsts) == len(values) >= 2 and firsts[0] == 0 and rising):
        raise InputError(
            f"its chapters must be two or more first frames that rise from 0 and are less than "
            f"{frames}"
        )
    if len(firsts) > MAX_CHAPTERS:
        raise InputError(f"it has {len(firsts)} chapters, at most {MAX_CHAPTERS}")
    return tuple(firsts)


def check_chapter(chapter: int, chapters: Sequence[int]) -> None:
    """Raise InputError if there is no chapter of this number."""
    if not 0 <= chapter < len(chapters):
        raise InputError(f"there is no chapter {chapter}, only 0 to {len(chapters) - 1}")


def prefix_of(chapter: int, chapters: Sequence[int]) -> str:
    """Return how the names of a chapter's tensors begin in the file."""
    return f"{chapter:04d}/" if len(chapters) > 1 else ""


def without_prefix(name: str) -> str:
    """Return a tensor's name in its chapter."""
    return name.rpartition("/")[2]
