"""Choose torch devices by name, and query what they can do."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import torch

from model.errors import InputError


def float64_device(device: torch.device) -> torch.device:
    """Return the device for a network's angles and times: the CPU for Metal (no float64)."""
    return torch.device("cpu") if device.type == "mps" else device


def multiplies_bfloat16() -> bool:
    """Return True if the CPU has instructions for bfloat16 convolutions (AMX or AVX-512).

    Without them torch emulates bfloat16, slower than float32.
    """
    # Older torch cannot tell: stay with float32.
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    named = known.get("amx_bf16") or known.get("avx512_bf16")
    return bool(named) and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` is CUDA if available, then MPS, then the CPU.

    Raises:
        InputError: the name is unknown, or torch cannot use that device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise InputError(f"the device must be auto, cpu, cuda, cuda:N or mps, not {name!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("torch sees no CUDA device here; use cpu or auto")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise InputError(f"there is no {name}, only {torch.cuda.device_count()} CUDA devices")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InputError("torch has no Metal device here; use cpu or auto")
    return torch.device(name)


def free_bytes(device: torch.device) -> int:
    """Return the memory in bytes that a new process can allocate on ``device``."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
