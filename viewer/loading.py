"""Opens dropped files behind the running scene, in order, on threads that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from model.text import file_name
from viewer import process_end

SCENE_SUFFIX = ".safetensors"
CLIP_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)
_THREAD = "loading"
_PATIENCE_S = 5.0

T = TypeVar("T")


@dataclass(eq=False)
class Loaded(Generic[T]):
    """One file that was asked for.

    Attributes:
        path: of the file.
        value: what it holds, once it has been read.
        error: why it could not be read.
        done: one of the two is there.
    """

    path: Path
    value: T | None = None
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """Name of the file, as it can be shown."""
        return file_name(self.path)

    def result(self) -> T:
        """Content of the file.

        Raises:
            Exception: what kept it from being read.
        """
        if self.error is not None:
            raise self.error
        assert self.value is not None, "it has not been read yet"
        return self.value


def opening_sentence(paths: tuple[Path, ...]) -> str | None:
    """The sentence that is on screen while ``paths`` are being opened."""
    if not paths:
        return None
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"Opening {file_name(paths[0])}{more} …"


def is_scene(path: Path) -> bool:
    """Its name is that of a scene file."""
    return path.suffix.lower() == SCENE_SUFFIX


def is_clip(path: Path) -> bool:
    """Its name is that of a video."""
    return path.suffix.lower() in CLIP_SUFFIXES


def _reading() -> bool:
    return any(thread.name == _THREAD for thread in threading.enumerate())


process_end.watch(_reading)


class Loader(Generic[T]):
    """Reads files one after the other; a file that does not come holds up neither the next for
    more than a few seconds nor the end of the program.

    Attributes:
        running: what is being read, and what has been read and not been taken.
    """

    def __init__(
        self, load: Callable[[Path], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read files by ``load``, on threads of their own.

        Args:
            load: reads a file; an exception is handed on.
            clock: seconds that pass.
        """
        self._load = load
        self._clock = clock
        self._waiting: deque[tuple[Path, Callable[[Path], T]]] = deque()
        self.running: list[Loaded[T]] = []
        self._begun = 0.0

    @property
    def opening(self) -> tuple[Path, ...]:
        """The files that have not been opened yet, those that are being read first."""
        return (*(loaded.path for loaded in self.running), *(path for path, _ in self._waiting))

    def add(self, paths: list[Path]) -> None:
        """Read ``paths`` after what was asked for before; scenes first, as a path is followed in
        the scene that is open.
        """
        ordered = sorted(paths, key=lambda path: not is_scene(path))
        self._waiting.extend((path, self._load) for path in ordered)
        self._start()

    def go_on(self, path: Path, load: Callable[[Path], T]) -> None:
        """Read ``path`` once more by ``load``, before all that waits."""
        self._waiting.appendleft((path, load))
        self._start()

    def take(self) -> list[Loaded[T]]:
        """Files that have been read since the last time, in the order of `add`."""
        done = [loaded for loaded in self.running if loaded.done.is_set()]
        self.running = [loaded for loaded in self.running if loaded not in done]
        self._start()
        return done

    def clear(self) -> None:
        """Begin no more files."""
        self._waiting.clear()

    def _start(self) -> None:
        late = self._clock() - self._begun > _PATIENCE_S
        if self._waiting and (not self.running or late):
            path, load = self._waiting.popleft()
            loaded: Loaded[T] = Loaded(path)
            self.running.append(loaded)
            self._begun = self._clock()
            # A daemon: a read that a network file system never answers cannot be called off.
            threading.Thread(
                target=self._read, args=(loaded, load), name=_THREAD, daemon=True
            ).start()

    def _read(self, loaded: Loaded[T], load: Callable[[Path], T]) -> None:
        try:
            loaded.value = load(loaded.path)
        except Exception as error:
            loaded.error = error
        loaded.done.set()
