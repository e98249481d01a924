"""Locks on output files, so that two processes do not write the same one."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nerv360.errors import InputError

log = logging.getLogger(__name__)


class LockedError(InputError):
    """Another process holds the lock on a file."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock on ``path``, a file to be written.

    The system releases the lock when the process ends, even by a crash. It also works between
    machines if their shared file system supports locks; on a file system without locks, a warning
    is logged.

    Args:
        wait: until another process that holds the lock releases it.

    Raises:
        LockedError: another process holds the lock.
    """
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            f"{path}: {_holder(file)} is writing it: wait for it, or stop it"
        ) from error
    except (OSError, NotImplementedError) as error:
        log.warning("%s cannot be locked (%s): let no other process write it", path, error)
        yield
        return
    try:
        with suppress(OSError):
            file.write_text(f"{os.getpid()} {platform.node()}\n")
        yield
    finally:
        # The file is deleted while the lock is held; a process that has opened it notices and
        # creates another.
        file.unlink(missing_ok=True)
        lock.release()


def _holder(file: Path) -> str:
    """Describe the process that holds the lock ``file``, as far as the file tells."""
    try:
        process, _, machine = file.read_text(errors="replace")[:300].strip().partition(" ")
    except OSError:
        return "another process"
    if not process.isdigit():
        return "another process"
    return f"process {process}" + ("" if machine == platform.node() else f" on {machine}")
