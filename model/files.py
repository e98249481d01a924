"""Files: written completely or not at all, and compared by digest."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UNSYNCED = {errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EBADF}
"""Errors by which a file system says that it has no fsync, not that data are lost."""
_count = itertools.count()


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter, or check one that exists, and return it.

    What is executed from a cache must not come from anybody else.

    Raises:
        OSError: it cannot be made, belongs to another user, or others can write to it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix":
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, "others can write to it", str(path))
        path.chmod(stat.S_IRWXU)
    return path


def partial_path(path: Path) -> Path:
    """Return a new hidden name beside ``path``, with its suffix, for an unfinished file.

    Such files that a process of this machine left when it was killed are deleted.
    """
    _remove_stale_parts(path)
    name = f".{path.stem}.{_machine()}-{os.getpid()}-{next(_count)}.part{path.suffix}"
    return path.with_name(name)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` for a new file or folder.

    On leaving the context it is moved to ``path``, replacing an existing file, and both the file
    and its name are on the disk. After an error it is deleted.

    Raises:
        OSError: it cannot be moved, for example because it was never created.
    """
    partial = partial_path(path)
    try:
        yield partial
        _sync_tree(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        _remove(partial)


def _sync_tree(path: Path) -> None:
    """Wait until a file, or a folder with everything in it, is on the disk."""
    if path.is_dir():
        for child in path.iterdir():
            _sync_tree(child)
    _sync(path)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: they could not be written there.
    """
    if os.name != "posix" and path.is_dir():
        return  # only POSIX opens folders
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Delete a file, or a folder with everything in it, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_stale_parts(path: Path) -> None:
    """Delete unfinished files of ``path`` whose process has ended."""
    pattern = (
        re.escape(f".{path.stem}.{_machine()}-") + r"(\d+)-\d+" + re.escape(f".part{path.suffix}")
    )
    with suppress(OSError):
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(f".{path.stem}.")]
        for name in names:
            match = re.fullmatch(pattern, name)
            if match and not _is_running(int(match[1])):
                _remove(path.with_name(name))


def _is_running(process: int) -> bool:
    import psutil  # only where something was left behind

    return bool(psutil.pid_exists(process))


def _machine() -> str:
    """Return a short name of this machine: a network's folder has files of processes elsewhere."""
    return hashlib.blake2b(platform.node().encode(), digest_size=3).hexdigest()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        if not file.is_file():
            continue
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{file.name if path.is_dir() else ''} {content}\n".encode())
    return total.hexdigest()
