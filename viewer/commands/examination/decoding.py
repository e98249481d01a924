"""Facts about torch, its device and the engines; torch may be broken, and is loaded when asked."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from nerv360.decoding import ENGINES, EngineKind
from nerv360.errors import first_line
from nerv360.geometry import Look

if TYPE_CHECKING:
    import torch

    from nerv360.scene import Decoder


def decoding_facts() -> dict[str, Any]:
    """Return torch's version, the card that it uses or why it uses none, and each engine's state.

    ``engines`` has None for an engine that is ready, and otherwise the reason why it is not.
    """
    import torch

    from nerv360.devices import choose_device, cuda_refusal

    device = choose_device("auto")
    refusal = cuda_refusal() if device.type != "cuda" else None
    decoder, card = small_decoder(), None
    try:
        card = _card(device)
    except Exception as error:  # for example a busy or lost card
        refusal = first_line(error)
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "device": str(device),
        "card": card,
        "card_refusal": refusal,
        "engines": {
            kind.name: _reason(kind, decoder, device, refusal)
            for kind in ENGINES.values()
            if kind.name != "gl"
        },
    }


def _card(device: torch.device) -> str | None:
    import torch

    if device.type != "cuda":
        return None
    major, minor = torch.cuda.get_device_capability(device)
    memory = torch.cuda.get_device_properties(device).total_memory / 2**30
    name = torch.cuda.get_device_name(device)
    return f"{name}, compute capability {major}.{minor}, {memory:.0f} GiB"


def _reason(
    kind: EngineKind, decoder: Decoder, device: torch.device, refusal: str | None
) -> str | None:
    """Return the reason why an engine does not decode here; try it if it needs no compiler."""
    if kind.devices == ("cuda",) and refusal is not None:
        return f"needs a CUDA device: {refusal}"
    reason = kind.refusal(decoder.config, device)
    return reason if reason is not None or kind.compiles else failure(kind, decoder, device)


def small_decoder() -> Decoder:
    """Return a decoder for trials, with random weights."""
    from nerv360.lab.benchmarks import comparison, random_decoder

    return random_decoder(comparison("demo", Fraction(1, 16))["nerv360"])


def failure(kind: EngineKind, decoder: Decoder, device: torch.device) -> str | None:
    """Decode one picture; return why that fails, or None."""
    from nerv360.decoding import picture_size

    try:
        engine = kind.open(decoder, device, picture_size(decoder.config))
        engine.decode(Look.from_degrees(0.0, 0.0), 0)
    except Exception as error:
        return f"fails: {first_line(error)}"
    return None
