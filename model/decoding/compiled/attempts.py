"""Remembers, between runs, builds of engines that ended the process or its use of the GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nerv360.decoding.compiled.cache import CacheFile
from nerv360.errors import UnavailableError

_MOST = 2
"""Failed builds in a row that are allowed.

The first may be caused by kept code, or by a computer that was switched off.
"""

_underway: list[CacheFile] = []


class Attempts:
    """Counter of one engine's unfinished builds, in a file of the cache."""

    def __init__(self, file: CacheFile, name: str) -> None:
        """Create it for the engine called ``name``."""
        self._file, self._name = file, name

    @contextmanager
    def attempt(self, device: torch.device) -> Iterator[None]:
        """Count the build inside, unless it finishes or fails with the GPU still usable.

        Raises:
            UnavailableError: it ended badly too often.
        """
        count = len(self._file.read() or b"")
        if count >= _MOST:
            raise UnavailableError(
                f"the {self._name} engine is not tried again, as building it ended the use of the "
                f"GPU {count} times: update the driver, or delete {self._file.file}"
            )
        self._file.write(b"." * (count + 1))
        _underway.append(self._file)
        try:
            yield
        except BaseException:
            if not is_lost(device):
                self._file.discard()
            raise
        else:
            self._file.discard()
        finally:
            _underway.remove(self._file)


def abandon_builds() -> None:
    """Do not count current builds, because the process is about to end by itself."""
    for file in list(_underway):
        file.discard()


def is_lost(device: torch.device) -> bool:
    """Tell whether an earlier fault has ended this process's use of a CUDA device."""
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
