"""Names for files that the viewer makes by itself."""

from __future__ import annotations

import time
from pathlib import Path


def free_path(folder: Path, prefix: str, suffix: str) -> Path:
    """A name in ``folder`` that is free, by date and time.

    Raises:
        OSError: the folder cannot be looked into.
    """
    stem = time.strftime(f"{prefix}-%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path
