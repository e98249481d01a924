"""Files that are written whole or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_count = itertools.count()


def partial_path(path: Path) -> Path:
    """Hidden name beside ``path``, with its suffix, for what is not finished; another with each
    call.
    """
    return path.with_name(f".{path.stem}.{os.getpid()}-{next(_count)}.part{path.suffix}")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Context that yields a name beside ``path`` for a new file or folder.

    It takes its place, over a file that was there, when the context is left; an error deletes it.

    Raises:
        OSError: it cannot take its place, as where it was not made.
    """
    partial = partial_path(path)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
