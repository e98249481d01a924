"""Main memory that is free, and the sentence about what does not fit into it. It loads no torch."""

from __future__ import annotations

import psutil

from model.errors import InputError

_GIB = 2**30


def available_bytes() -> int:
    """Return the bytes that a process can allocate without anything being swapped out."""
    return int(psutil.virtual_memory().available)


def check_memory(needed: int, what: str, free: int | None = None) -> None:
    """Check that there is memory for something, before any of it is allocated.

    Args:
        needed: bytes.
        what: the subject of the sentence, such as ``clip.safetensors, unpacked,``.
        free: bytes there are; those of main memory if None.

    Raises:
        InputError: there is too little.
    """
    free = available_bytes() if free is None else free
    if needed > free:
        raise InputError(
            f"{what} would take {needed / _GIB:.1f} GiB of memory and {free / _GIB:.1f} GiB are "
            f"free: use a machine with more"
        )
