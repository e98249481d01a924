"""Choose torch devices by name, and query what they can do."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from nerv360.errors import InputError
from nerv360.memory import available_bytes
from nerv360.nvidia import driver_refusal, has_cards


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


def training_precision(device: torch.device, *, suits_bfloat16: bool) -> torch.dtype:
    """Return the number type for training convolutions on ``device``.

    On CUDA it is bfloat16 if the card multiplies it (compute capability 8.0 or newer), otherwise
    float16, whose gradients must be scaled. On the CPU it is bfloat16 if that is faster, otherwise
    float32.

    Args:
        suits_bfloat16: bfloat16 is precise enough for the network; otherwise CUDA uses float16,
            which is eight times as fine.
    """
    if device.type == "cuda":
        native = torch.version.hip or torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if suits_bfloat16 and native else torch.float16
    if device.type == "cpu" and suits_bfloat16 and multiplies_bfloat16():
        return torch.bfloat16
    return torch.float32


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` is the first CUDA card that torch has code for, else MPS, else the CPU; `unused_card`
    says why a card was passed over.

    Raises:
        InputError: the name is unknown, or torch cannot use that device here.
    """
    if name == "auto":
        card = _first_card()
        if card is not None:
            return torch.device("cuda", card) if card else torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise InputError(f"the device must be auto, cpu, cuda, cuda:N or mps, not {name!r}")
    if kind == "cuda":
        if torch.cuda.is_available() and index and int(index) >= torch.cuda.device_count():
            raise InputError(f"there is no {name}, only {torch.cuda.device_count()} CUDA devices")
        if (reason := cuda_refusal(int(index or 0))) is not None:
            raise InputError(f"torch cannot use {name}: {reason}; or use cpu or auto")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InputError("torch has no Metal device here; use cpu or auto")
    return torch.device(name)


def cuda_refusal(index: int = 0) -> str | None:
    """Return a sentence on why torch cannot use a CUDA card here and what would help.

    None if torch can use card number ``index``.
    """
    if torch.cuda.is_available():
        return _age_refusal(index)
    if (reason := driver_refusal(torch.version.cuda)) is not None:
        return reason
    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} is a build without CUDA: install the CUDA build, as "
            f"pytorch.org/get-started tells"
        )
    return "torch finds no CUDA card: look whether CUDA_VISIBLE_DEVICES hides it"


def unused_card() -> str | None:
    """Return a sentence on why ``auto`` leaves an NVIDIA card unused.

    None if a card is used, or if there is none.
    """
    if _first_card() is not None or (not torch.cuda.is_available() and not has_cards()):
        return None
    reason = cuda_refusal()
    return f"The graphics card decodes nothing: {reason}." if reason else None


def _first_card() -> int | None:
    if not torch.cuda.is_available():
        return None
    cards = range(torch.cuda.device_count())
    return next((card for card in cards if _age_refusal(card) is None), None)


def _age_refusal(index: int) -> str | None:
    """Return why torch has no code for a card that CUDA offers, or None if it has some."""
    built, capability = torch.cuda.get_arch_list(), torch.cuda.get_device_capability(index)
    if torch.version.hip or not built or any(_runs(code, capability) for code in built):
        return None
    numbers = [_code(code) for code in built]
    oldest = min((at for _, at, _ in filter(None, numbers)), default=(0, 0))
    age = "old" if capability < oldest else "new"
    return (
        f"torch {torch.__version__} has no code for the card {torch.cuda.get_device_name(index)} "
        f"of compute capability {capability[0]}.{capability[1]}, which is too {age} for it (its "
        f"code begins at {oldest[0]}.{oldest[1]}): install a torch built for "
        f"{'an older' if age == 'old' else 'a newer'} CUDA, as pytorch.org/get-started tells"
    )


def _runs(code: str, capability: tuple[int, int]) -> bool:
    """Return whether a card of some capability runs code such as ``sm_86`` or ``compute_90``."""
    parsed = _code(code)
    if parsed is None:
        return False
    kind, built, suffix = parsed
    if suffix == "a":  # for that capability only
        return built == capability
    if kind == "compute" and not suffix:  # not machine code yet: the driver translates it
        return built <= capability
    return built[0] == capability[0] and built[1] <= capability[1]


def _code(code: str) -> tuple[str, tuple[int, int], str] | None:
    found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", code)
    return (found[1], (int(found[2]), int(found[3])), found[4]) if found else None


def free_bytes(device: torch.device) -> int:
    """Return the memory in bytes that a new process can allocate on ``device``."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_bytes()
