"""Free main memory, what a process keeps of it, and what does not fit; does not load torch."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from nerv360.errors import InputError

_GIB = 2**30
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's `mallopt`."""
_PROCESS_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_V1_FILES = ("memory.limit_in_bytes", "memory.usage_in_bytes")
_V2_FILES = ("memory.max", "memory.current")


def available_bytes() -> int:
    """Return the bytes that a process can allocate without swapping.

    Limits of the control groups that it is in, a container's for instance, count too.
    """
    return min([int(psutil.virtual_memory().available), *_left_in_groups()])


def keep_freed_memory() -> None:
    """Let this process keep up to a GiB of freed memory for what it allocates next.

    Otherwise glibc returns a step's tensors to the system and asks for the same pages again: up to
    a third of the time of what moves large tensors. Does nothing with other C libraries.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * 2**20)
    mallopt(_TRIM_THRESHOLD, _GIB)
    mallopt(_TOP_PAD, 64 * 2**20)


def release_freed_memory() -> None:
    """Return what `keep_freed_memory` has kept to the system; glibc only."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def release_pages(address: int, size: int) -> None:
    """Return the whole pages of a part of a buffer to the system; their values are lost.

    Linux only; elsewhere, and in the rest of the part, the values stay.
    """
    if sys.platform != "linux":
        return
    first = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    whole = (address + size - first) // mmap.PAGESIZE * mmap.PAGESIZE
    if whole > 0:
        with contextlib.suppress(OSError, AttributeError):
            madvise = ctypes.CDLL(None).madvise
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(whole), mmap.MADV_DONTNEED)


def _left_in_groups() -> Iterator[int]:
    """Yield the bytes left in each control group of the process that limits memory."""
    try:
        lines = _PROCESS_GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _GROUPS / "memory" if controllers else _GROUPS
        limit, used = _V1_FILES if controllers else _V2_FILES
        group = root / name.lstrip("/")
        # In a container the root that is mounted is its own group.
        for folder in (group, *group.parents):
            left = _left(folder / limit, folder / used, folder / "memory.stat")
            if left is not None:
                yield left
            if folder == root:
                break


def _left(limit: Path, used: Path, statistics: Path) -> int | None:
    """Return the bytes left of a group's limit, as if its cached files were dropped; or None."""
    try:
        most, taken = int(limit.read_text()), int(used.read_text())
        fields = dict(line.split() for line in statistics.read_text().splitlines())
    except (OSError, ValueError):
        return None
    cached = int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
    return max(0, most - taken + cached)


def check_memory(needed: int, what: str, free: int | None = None) -> None:
    """Check that there is enough memory for something before allocating it.

    Args:
        needed: bytes.
        what: subject of the error message, such as ``clip.safetensors, unpacked,``.
        free: available bytes; None means those of main memory.

    Raises:
        InputError: there is too little.
    """
    free = available_bytes() if free is None else free
    if needed > free:
        raise InputError(
            f"{what} would take {needed / _GIB:.1f} GiB of memory and {free / _GIB:.1f} GiB are "
            f"free: use a machine with more"
        )
