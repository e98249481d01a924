"""Disk space reserved before long work, so that its results can be written at the end."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from nerv360.errors import InputError
from nerv360.files import partial_path

_MIB = 2**20


class ReservedSpace:
    """Disk space beside a file, held by a hidden file until it is needed.

    A killed process leaves the hidden file; the next process for the same file deletes it.

    Attributes:
        kept: bytes that are held until `release`.
    """

    def __init__(self, path: Path, kept: int, lent: int) -> None:
        """Describe the space; entering the context reserves it.

        Args:
            path: file to be written in the end.
            kept: bytes held until `release`.
            lent: bytes that `lend` frees temporarily.
        """
        self._path = path
        self._hidden = path
        self.kept, self._lent = kept, lent

    def __enter__(self) -> Self:
        """Reserve the space.

        Raises:
            InputError: the disk has too little space.
        """
        self._hidden = partial_path(self._path.with_name(f"{self._path.name}.reserved"))
        try:
            self._fill(self.kept + self._lent)
        except OSError as error:
            self.release()
            free = shutil.disk_usage(self._path.parent).free
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise InputError(f"{self._path} cannot be written: {error.strerror}") from error
            needed = self.kept + self._lent
            raise InputError(
                f"{self._path} cannot be written: there is not enough space on its disk, up to "
                f"{needed / _MIB:,.0f} MiB are needed and {free / _MIB:,.0f} MiB are free"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @contextmanager
    def lend(self) -> Iterator[None]:
        """Free the lent bytes inside the context; afterwards reserve all or half of them again."""
        with suppress(OSError):
            os.truncate(self._hidden, self.kept)
        try:
            yield
        finally:
            for lent in (self._lent, self._lent // 2):
                if self._hidden.exists() and self._fills(self.kept + lent):
                    break

    def release(self) -> None:
        """Free the space."""
        with suppress(OSError):
            self._hidden.unlink(missing_ok=True)

    def _fills(self, size: int) -> bool:
        """Call `_fill`; without enough space return False and still hold the kept bytes."""
        try:
            self._fill(size)
        except OSError:
            with suppress(OSError):
                os.truncate(self._hidden, self.kept)
            return False
        return True

    def _fill(self, size: int) -> None:
        """Make the hidden file ``size`` bytes long, also on the disk."""
        with self._hidden.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(size, 1))
            elif size > shutil.disk_usage(self._path.parent).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
