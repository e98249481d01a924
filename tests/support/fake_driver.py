"""NVIDIA's driver, and torch's view of its cards, without either."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch

from nerv360 import nvidia

INVALID_VALUE, NOT_INITIALISED = 1, 3


class FakeLibrary:
    """A stand-in for ``libcuda.so.1``: before it is initialised, it tells only its version."""

    def __init__(self, version: int, cards: int, error: int) -> None:
        self._version, self._cards, self._error = version, cards, error
        self._initialised = False

    def cuInit(self, flags: int) -> int:  # noqa: N802
        if flags:
            return INVALID_VALUE
        self._initialised = self._error == 0
        return self._error

    def cuDriverGetVersion(self, target: Any) -> int:  # noqa: N802
        target._obj.value = self._version
        return 0

    def cuDeviceGetCount(self, target: Any) -> int:  # noqa: N802
        if not self._initialised:
            return NOT_INITIALISED
        target._obj.value = self._cards
        return 0


def install_driver(
    patch: pytest.MonkeyPatch, version: int | None, cards: int = 1, error: int = 0
) -> None:
    """Let the driver be one that runs CUDA ``version``, such as 12020, or none."""
    real = ctypes.CDLL

    def load(name: Any, *args: Any, **options: Any) -> Any:
        if name not in ("libcuda.so.1", "nvcuda.dll"):
            return real(name, *args, **options)
        if version is None:
            raise OSError(f"{name}: cannot open shared object file")
        return FakeLibrary(version, cards, error)

    patch.setattr(ctypes, "CDLL", load)
    patch.setattr(nvidia, "_release", lambda: None)


def install_torch(
    patch: pytest.MonkeyPatch,
    *cards: tuple[str, tuple[int, int]],
    cuda: str | None = "13.0",
    codes: str = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120 compute_120",
) -> None:
    """Let torch be built for ``cuda`` and ``codes``, and find ``cards``: names and capabilities.

    Without cards it finds no device, whatever the driver says.
    """

    def known(device: Any = None) -> int:
        index = torch.device(device).index if isinstance(device, str | torch.device) else device
        if not 0 <= (index or 0) < len(cards):
            raise AssertionError(f"Invalid device id {index}")
        return index or 0

    patch.setattr(torch.version, "cuda", cuda)
    patch.setattr(torch.cuda, "is_available", lambda: bool(cards))
    patch.setattr(torch.cuda, "device_count", lambda: len(cards))
    patch.setattr(torch.cuda, "mem_get_info", lambda device=None: (2**34, 2**35))
    patch.setattr(torch.cuda, "get_arch_list", lambda: codes.split() if cuda else [])
    patch.setattr(torch.cuda, "get_device_name", lambda device=None: cards[known(device)][0])
    patch.setattr(torch.cuda, "get_device_capability", lambda device=None: cards[known(device)][1])
