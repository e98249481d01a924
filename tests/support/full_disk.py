"""A disk that is full for some files: their descriptors refuse every byte, as the kernel does."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


@contextmanager
def full_disk(suffix: str) -> Iterator[list[str]]:
    """Inside the context no byte can be written to files whose names end in ``suffix``.

    Opening and truncating them goes on working; ``write`` and ``posix_fallocate`` fail with ENOSPC.
    Yields the names that were refused.
    """
    refused: list[str] = []
    whole_open = io.open

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            refused.append(str(self.name))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        named = isinstance(file, str | os.PathLike) and os.fspath(file).endswith(suffix)
        if named and "b" in mode and set(mode) & set("wa"):
            return io.BufferedWriter(Full(os.fspath(file), mode.replace("b", "")))
        return whole_open(file, mode, *arguments, **options)

    def allocate(descriptor: int, offset: int, size: int) -> None:
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if name.endswith(suffix):
            refused.append(name)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocated(descriptor, offset, size)

    allocated = os.posix_fallocate
    with (
        patch("io.open", opened),
        patch("builtins.open", opened),
        patch.object(Path, "open", lambda self, *a, **k: opened(self, *a, **k)),
        patch("os.posix_fallocate", allocate),
    ):
        yield refused
