"""Free main memory, and the error for things that do not fit into it; does not load torch."""

from __future__ import annotations

import psutil

from model.errors import InputError

_GIB = 2**30


def available_bytes() -> int:
    """Return the bytes that a process can allocate without swapping."""
    return int(psutil.virtual_memory().available)


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
