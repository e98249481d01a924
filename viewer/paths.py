"""Paths of the program's own files, and of new files it names itself."""

from __future__ import annotations

import time
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

PROGRAM = _PACKAGE.parent
"""Folder of both packages: a checkout, or where they are installed."""


def data_file(name: str) -> Path:
    """Return the data file called ``name``, such as ``shaders/timewarp.frag``.

    It is installed inside the package, or at the top of a checkout.
    """
    installed = _PACKAGE / name
    return installed if installed.exists() else _PACKAGE.parent / name


DEMO = data_file("assets/demo.safetensors")
"""The demo scene."""


def free_path(folder: Path, prefix: str, suffix: str) -> Path:
    """Return a free name in ``folder``, made from date and time.

    Raises:
        OSError: the folder cannot be read.
    """
    stem = time.strftime(f"{prefix}-%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path
