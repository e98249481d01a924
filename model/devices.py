"""Devices of torch, by name, and what they can do."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import torch

from model.errors import InputError


def float64_device(device: torch.device) -> torch.device:
    """Device of the angles and times that a network on ``device`` takes: Metal has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def multiplies_bfloat16() -> bool:
    """True where the CPU has instructions for sums of bfloat16 products that torch's convolutions
    use, AMX or AVX-512. Elsewhere torch emulates them and is slower than in float32.
    """
    # Older torch cannot tell; there it stays float32.
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    named = known.get("amx_bf16") or known.get("avx512_bf16")
    return bool(named) and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def choose_device(name: str) -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is CUDA where
    there is one, then MPS, then the CPU.

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
    """Memory that a new process can get on ``device``."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
