"""A scene file of several chapters, read chapter by chapter; needs torch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.decoding import KEPT_CHAPTERS, ChapterEngine, Engine, TurnTaking, open_alike
from nerv360.errors import InputError
from nerv360.memory import release_freed_memory
from nerv360.scene import (
    Scene,
    chapter_lengths,
    file_state,
    read_glimpse,
    read_header,
    read_scene,
)
from nerv360.viewer import process_end
from nerv360.viewer.failures import describe

log = logging.getLogger(__name__)

_THREAD = "chapter"
_AFTER_S = 1.0
"""Seconds until the next chapter is opened: the first pictures of this one do not wait for it."""
_AFTER_SHARE = 0.25
"""The same at most, as a share of the shortest chapter."""

process_end.watch(lambda: any(thread.name == _THREAD for thread in threading.enumerate()))


class ChapterFile:
    """Chapters of a scene file, and their still panoramas.

    Attributes:
        header: of the whole scene.
        first: the first chapter, which stays in memory.
    """

    def __init__(self, path: Path) -> None:
        """Read the header and the first chapter.

        Raises:
            InputError: as in `read_scene`.
        """
        self._path, self._state = path, file_state(path)
        self.header = read_header(path).header
        self.first = read_scene(path, chapter=0, as_levels=True)
        self._reading = threading.Lock()
        self._stills: dict[int, npt.NDArray[np.uint8]] = {}
        self._first_still = None if self.first.still is None else self.first.still.pixels.numpy()

    def engine(
        self,
        decoder: str,
        device: torch.device,
        size: tuple[int, int] | None = None,
        kind: str = "auto",
    ) -> Engine:
        """Open an engine for all frames; see `open_engine`. The next chapter is opened ahead.

        Raises:
            Exception: as from `open_engine`.
        """

        def open_chapter(chapter: int, like: TurnTaking | str | None) -> Engine:
            return open_alike(like, self._read(chapter, decoder), decoder, device, size, kind)

        return ChapterEngine(self.header.chapters, self.header.frames, open_chapter, self._ahead)

    def still(self, chapter: int) -> npt.NDArray[np.uint8] | None:
        """Return the still panorama of a chapter; the latest ones stay in memory.

        Raises:
            InputError: it is damaged, or the file has changed.
        """
        if chapter == 0 or self._first_still is None:
            return self._first_still
        with self._reading:
            if chapter not in self._stills:
                self._check()
                glimpse = read_glimpse(self._path, chapter)
                assert glimpse is not None, "all chapters have one, or none"
                while len(self._stills) > KEPT_CHAPTERS:
                    del self._stills[next(iter(self._stills))]
                self._stills[chapter] = glimpse.still
            self._stills[chapter] = still = self._stills.pop(chapter)
            return still

    def _read(self, chapter: int, decoder: str) -> Scene:
        if chapter == 0:
            return self.first
        self._check()

        def still() -> Tensor:
            found = self.still(chapter)
            assert found is not None, "all chapters have one, or none"
            return torch.from_numpy(found)

        # The window often has unpacked it, or does so now, to show it first.
        shared = None if self._first_still is None else still
        scene = read_scene(
            self._path, decoder, chapter=chapter, as_levels=True, still_pixels=shared
        )
        release_freed_memory()  # of unpacking it
        return scene

    def _check(self) -> None:
        if file_state(self._path) != self._state:
            raise InputError(f"{self._path} has changed since it was opened: open it again")

    def _ahead(self, prepare: Callable[[], None]) -> None:
        """Prepare a chapter on a thread of its own; decoding it meets the same error again."""
        shortest = min(chapter_lengths(self.header.chapters, self.header.frames))
        wait_s = min(_AFTER_S, _AFTER_SHARE * shortest / self.header.fps)

        def run() -> None:
            time.sleep(wait_s)
            try:
                prepare()
            except Exception as error:
                log.debug("the next chapter cannot be opened: %s", describe(error))

        threading.Thread(target=run, name=_THREAD, daemon=True).start()
