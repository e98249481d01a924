"""Opens dropped files in the background, in order, on threads that nobody waits for."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from nerv360.text import file_name
from nerv360.viewer import process_end

SCENE_SUFFIX = ".safetensors"
_HEAD_BYTES = 4096
_TEXT_BEFORE_PIXELS = re.compile(rb"YUV4MPEG2 |P[1-7Ff]\s+[0-9]+\s+[0-9]+\s")
"""Beginning of pictures whose header is text: Y4M, and the formats of Netpbm."""

_PICTURES = re.compile(
    rb"....(ftyp|moov|mdat|free|skip|wide)|\x1a\x45\xdf\xa3|RIFF|OggS|FLV\x01|\x00\x00\x01\xba"
    rb"|\x47.{187}\x47|\x89PNG|\xff\xd8\xff|GIF8|II\*\x00|MM\x00\*",
    re.DOTALL,
)
"""Beginning of the usual containers of video and of photos."""

_LARGEST_HEADER = 100_000_000
_THREAD = "loading"
_PATIENCE_S = 5.0

T = TypeVar("T")


@dataclass(eq=False)
class Loaded(Generic[T]):
    """A file being read.

    Attributes:
        path: of the file.
        value: its content, once it has been read.
        error: the reason if it could not be read.
        done: set once there is a value or an error.
    """

    path: Path
    value: T | None = None
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """Name of the file, safe to show."""
        return file_name(self.path)

    def result(self) -> T:
        """Return the file's content.

        Raises:
            Exception: the error that occurred on reading.
        """
        if self.error is not None:
            raise self.error
        assert self.value is not None, "it has not been read yet"
        return self.value


def opening_sentence(paths: tuple[Path, ...]) -> str | None:
    """Return the message while ``paths`` are being opened, or None."""
    if not paths:
        return None
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"Opening {file_name(paths[0])}{more} …"


def is_scene(path: Path) -> bool:
    """Tell whether a file is a scene, by its first bytes; by its name if they are unknown."""
    head = _head(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER:
        return True
    return path.suffix.lower() == SCENE_SUFFIX and not (path.is_dir() or _PICTURES.match(head))


def unlike_clip(path: Path) -> str | None:
    """Return a clause on a file that cannot be a clip, whatever its name; None if it may be one."""
    if not path.is_file():
        return None
    if not path.stat().st_size:
        return "is empty"
    if is_scene(path):
        return "is a scene"
    return "is text" if is_gaze_path(path) else None


def is_gaze_path(path: Path) -> bool:
    """Tell whether a file may be a gaze path, which is text; a clip is not."""
    head = _head(path)
    if path.is_dir() or path.suffix.lower() == ".yuv" or _TEXT_BEFORE_PIXELS.match(head):
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a pipe might wait for ever
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""


def _reading() -> bool:
    return any(thread.name == _THREAD for thread in threading.enumerate())


process_end.watch(_reading)


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
        done = [loaded for loaded in self.running if loaded.done.is_set()]
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
            loaded.value = load(loaded.path)
        except Exception as error:
            loaded.error = error
        loaded.done.set()
