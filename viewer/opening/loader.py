"""Reads files in the background, in order, on threads that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Generic, TypeVar

from nerv360.text import file_name
from nerv360.viewer import process_end
from nerv360.viewer.opening.content import SCENE_SUFFIX

_THREAD = "loading"
_PATIENCE_S = 5.0

T = TypeVar("T")


class Loaded(Future[T]):
    """A file being read, as the future of its content.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def name(self) -> str:
        """Name of the file, safe to show."""
        return file_name(self.path)


def opening_sentence(paths: tuple[Path, ...]) -> str | None:
    """Return the message while ``paths`` are being opened, or None."""
    if not paths:
        return None
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"Opening {file_name(paths[0])}{more} …"


process_end.watch(lambda: any(thread.name == _THREAD for thread in threading.enumerate()))


class Loader(Generic[T]):
    """Reads files one after the other.

    A file that does not respond delays the next one by only a few seconds, and the end of the
    program not at all.

    Attributes:
        running: files being read, or read but not taken.
    """

    def __init__(
        self, load: Callable[[Path], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read files by ``load``, on threads of their own.

        Args:
            load: reads a file; its exceptions become results.
            clock: returns elapsed seconds.
        """
        self._load = load
        self._clock = clock
        self._waiting: deque[tuple[Path, Callable[[Path], T]]] = deque()
        self.running: list[Loaded[T]] = []
        self._begun = 0.0

    @property
    def opening(self) -> tuple[Path, ...]:
        """Files not opened yet, first the ones being read."""
        return (*(loaded.path for loaded in self.running), *(path for path, _ in self._waiting))

    def add(self, paths: list[Path]) -> None:
        """Read ``paths`` after earlier ones; scenes first, because a gaze path needs its scene."""
        # By the name: to look into a file may take for ever, and this is the thread that draws.
        ordered = sorted(paths, key=lambda path: path.suffix.lower() != SCENE_SUFFIX)
        self._waiting.extend((path, self._load) for path in ordered)
        self._start()

    def go_on(self, path: Path, load: Callable[[Path], T]) -> None:
        """Read ``path`` by ``load``, before all waiting files."""
        self._waiting.appendleft((path, load))
        self._start()

    def take(self) -> list[Loaded[T]]:
        """Return files read since the last call, in the order of `add`."""
        done = [loaded for loaded in self.running if loaded.done()]
        self.running = [loaded for loaded in self.running if loaded not in done]
        self._start()
        return done

    def clear(self) -> None:
        """Read no more files."""
        self._waiting.clear()

    def _start(self) -> None:
        late = self._clock() - self._begun > _PATIENCE_S
        if self._waiting and (not self.running or late):
            path, load = self._waiting.popleft()
            loaded: Loaded[T] = Loaded(path)
            self.running.append(loaded)
            self._begun = self._clock()
            # A daemon, because a read that a network file system never answers cannot be cancelled.
            threading.Thread(
                target=self._read, args=(loaded, load), name=_THREAD, daemon=True
            ).start()

    def _read(self, loaded: Loaded[T], load: Callable[[Path], T]) -> None:
        try:
            loaded.set_result(load(loaded.path))
        except Exception as error:
            loaded.set_exception(error)
