"""NVIDIA's driver and its cards, queried without torch."""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_VERSION_FILE = Path("/proc/driver/nvidia/version")
_NO_CARD = 100
"""CUDA_ERROR_NO_DEVICE."""

_BRANCHES = {11: 450, 12: 525, 13: 580}
"""First branch of the driver, by the major version of CUDA that it runs."""


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver as it answers in this process.

    Attributes:
        cuda: the newest version of CUDA that it runs, major and minor; zeros if it does not tell.
        release: its own version, such as 535.183.01; None if the system does not tell.
        cards: number of cards that it offers.
        error: CUDA's error code if it could not be initialised, or 0.
    """

    cuda: tuple[int, int]
    release: str | None
    cards: int
    error: int

    @property
    def named(self) -> str:
        """The driver as named in a sentence."""
        release = f" {self.release}" if self.release else ""
        cuda = f" (CUDA {self.cuda[0]}.{self.cuda[1]})" if self.cuda[0] else ""
        return f"NVIDIA driver{release}{cuda}"


def nvidia_driver() -> Driver | None:
    """Return NVIDIA's driver, or None if it is not installed."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    error = int(library.cuInit(0))
    version, cards = ctypes.c_int(), ctypes.c_int()
    if hasattr(library, "cuDriverGetVersion"):
        library.cuDriverGetVersion(ctypes.byref(version))
    if error == 0:
        library.cuDeviceGetCount(ctypes.byref(cards))
    major, minor = version.value // 1000, version.value % 1000 // 10
    return Driver((major, minor), _release(), cards.value, error)


def driver_refusal(cuda: str | None) -> str | None:
    """Return why the driver runs no program built for a version of CUDA, or None if it does.

    The sentence also says what would help.

    Args:
        cuda: such as 13.0; None of a program that was built without CUDA.
    """
    driver = nvidia_driver()
    if driver is None:
        return "there is no NVIDIA driver here"
    if driver.error == _NO_CARD or (driver.error == 0 and driver.cards == 0):
        return f"the {driver.named} finds no card"
    if cuda is None:
        return None
    needed = int(cuda.partition(".")[0])
    if driver.cuda[0] and driver.cuda[0] < needed:
        branch = _BRANCHES.get(needed)
        wanted = f"R{branch} or later" if branch else f"one for CUDA {needed}"
        return (
            f"the {driver.named} is too old for CUDA {cuda}: update the driver to {wanted}, or "
            f"install a torch built for CUDA {driver.cuda[0]}"
        )
    if driver.error:
        return (
            f"the {driver.named} cannot be initialised (CUDA error {driver.error}): restart the "
            f"computer, or reload the driver if it was updated or slept since"
        )
    return None


def has_cards() -> bool:
    """Return True if the driver is installed and may have a card, even a failing one."""
    driver = nvidia_driver()
    return (
        driver is not None and driver.error != _NO_CARD and (driver.cards > 0 or driver.error > 0)
    )


def _release() -> str | None:
    try:
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", _VERSION_FILE.read_text())
    except OSError:
        return None
    return found[0] if found else None
