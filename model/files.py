"""Write files completely or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_count = itertools.count()


def partial_path(path: Path) -> Path:
    """Return a new hidden name beside ``path``, with its suffix, for an unfinished file."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{next(_count)}.part{path.suffix}")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` for a new file or folder.

    On leaving the context it is moved to ``path``, replacing an existing file. After an error it is
    deleted.

    Raises:
        OSError: it cannot be moved, for example because it was never created.
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
