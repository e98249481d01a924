"""Decoding a scene of several chapters: opens each when it is needed, and keeps two."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nerv360.decoding.engine import Engine, Picture, TurnTaking, engine_repr
from nerv360.scene import chapter_of

if TYPE_CHECKING:
    from nerv360.geometry import Look

KEPT_CHAPTERS = 2
"""Engines that are kept: of the chapter that is shown, and of the next or the one before."""


class ChapterEngine:
    """An engine for all frames of a clip, from the engines of its chapters.

    All have the same configuration. `prepare` may be called from other threads.
    """

    __repr__ = engine_repr

    def __init__(
        self,
        chapters: Sequence[int],
        frames: int,
        open_chapter: Callable[[int, TurnTaking | str | None], Engine],
        ahead: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        """Open the first chapter.

        Args:
            chapters: their first frames.
            frames: number of frames of the clip.
            open_chapter: opens a chapter by its number, like the first one; see `open_alike`.
            ahead: runs a function on another thread, to open the next chapter while one is decoded;
                None to open a chapter only when it is decoded.
        """
        self._chapters, self._frames, self._open = tuple(chapters), frames, open_chapter
        self._opening = threading.RLock()
        self._ahead, self._entered = ahead, -1
        self._look: Look | None = None
        self._shown = first = open_chapter(0, None)
        self._like: TurnTaking | str = first.name
        if isinstance(first, TurnTaking) and first.takes_turns:
            self._like = first
        self._engines = {0: first}
        self.name, self.device, self.size = first.name, first.device, first.size
        self.hfov_range, self.full_frame = first.hfov_range, first.full_frame
        self.ring, self.precision = first.ring, first.precision
        self.still = first.still

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode as `Engine.decode`, by the frame's number in the clip.

        Raises:
            IndexError: there is no such frame.
            InputError: its chapter is damaged, or does not fit into memory.
            RuntimeError: torch could not decode.
        """
        if not 0 <= frame < self._frames:
            raise IndexError(f"there is no frame {frame}, only 0 to {self._frames - 1}")
        chapter, local = chapter_of(self._chapters, frame)
        self._shown = self._opened(chapter)
        picture, self._look = self._shown.decode(look, local), look
        self.still = self._shown.still
        if chapter != self._entered:
            self._entered = chapter
            if self._ahead is not None:
                self._ahead(partial(self._prepare_after, chapter))
        return replace(picture, frame=frame)

    def prepare(self, chapter: int) -> None:
        """Open a chapter unless it is open, so that `decode` need not.

        Raises:
            InputError: it is damaged, or does not fit into memory.
        """
        self._opened(chapter)

    def _prepare_after(self, chapter: int) -> None:
        with self._opening:
            following = (chapter + 1) % len(self._chapters)
            if chapter == self._entered and following not in self._engines:
                engine = self._opened(following)
                if isinstance(self._like, str):
                    assert self._look is not None
                    engine.decode(self._look, 0)  # an engine's first picture takes twice as long

    def _opened(self, chapter: int) -> Engine:
        engine = self._engines.get(chapter)  # without the lock: another may be opened meanwhile
        if engine is not None:
            return engine
        with self._opening:
            if chapter not in self._engines:
                unused = [k for k, engine in self._engines.items() if engine is not self._shown]
                for number in unused[: max(0, len(self._engines) + 1 - KEPT_CHAPTERS)]:
                    del self._engines[number]
                self._engines[chapter] = self._open(chapter, self._like)
            return self._engines[chapter]
