"""Choices of an engine: their names, what each comes to on a device, and opening it.

As of the table, importing it does not load torch.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from model.decoding.engines import ENGINES, EngineKind
from model.errors import InputError

if TYPE_CHECKING:
    import torch

    from model.config import ModelConfig
    from model.decoding.engine import Engine
    from model.scene import Decoder, Scene

log = logging.getLogger(__name__)

PLAINEST = next(iter(ENGINES))

POLICIES = ("auto", "fastest")
"""Names of choices that stand for an engine once the device and the decoder are known."""

_AUTO_ON_CPU = ("folded-bfloat16", "folded")
"""Compiled code was slower there (docs/performance.md)."""


def engine_choices() -> tuple[str, ...]:
    """Names of policies and engines that `open_engine` knows."""
    return ("auto", *ENGINES, "fastest")


def engine_help() -> str:
    """The choices in one line, by the devices that they are for."""
    every = ", ".join(["auto", *(k.name for k in ENGINES.values() if len(k.devices) > 1)])
    on_cpu = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cpu",))
    on_cuda = ", ".join([*(k.name for k in ENGINES.values() if k.devices == ("cuda",)), "fastest"])
    return f"How to decode: {every}; on the CPU also {on_cpu}; on CUDA also {on_cuda}."


def needs_compiler(kind: str, device: torch.device) -> bool:
    """Opening a choice on a device takes a compiler."""
    if kind in POLICIES:
        return any(k.compiles and device.type in k.devices for k in ENGINES.values())
    return ENGINES[kind].compiles


def without_compiler(kind: str, device: torch.device) -> str:
    """The choice that is there at once: ``kind`` itself, or the plainest engine in its place."""
    return PLAINEST if needs_compiler(kind, device) else kind


def check_engine(kind: str, config: ModelConfig, device: torch.device) -> None:
    """Check that a choice decodes a configuration on a device.

    Raises:
        InputError: there is no such choice, or no engine of it decodes that there.
    """
    if kind not in engine_choices():
        raise InputError(f"there is no engine {kind!r}, only {', '.join(engine_choices())}")
    if kind == "auto":
        return
    kinds = _compiling() if kind == "fastest" else [ENGINES[kind]]
    reasons = [each.refusal(config, device) for each in kinds]
    if None not in reasons:
        raise InputError(f"the {kind} engine {reasons[0]}")


def open_engine(
    scene: Scene,
    decoder: str | None = None,
    device: str | torch.device = "auto",
    size: tuple[int, int] | None = None,
    kind: str = "auto",
) -> Engine:
    """An engine for one decoder of a scene.

    Args:
        decoder: its name; the scene's first by default.
        device: a torch device, or ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        size: height and width of a viewport in pixels, brought to the nearest multiple of the
            strides' product; the trained size by default. A full-frame decoder has only its own.
        kind: a name in `ENGINES` or `POLICIES`. ``fastest`` compares all engines that are compiled,
            once on a GPU. ``auto`` is that on CUDA, or eager where no compiler works; on the CPU
            folded, in bfloat16 where it suits decoder and processor; elsewhere eager.

    Raises:
        InputError: the scene has no such decoder, there is no such device, or no such engine
            decodes it there.
        RuntimeError: memory runs out.
        Exception: an engine that needs a compiler was asked for and cannot be built.
    """
    import torch

    from model.devices import choose_device

    stored = scene.decoder(next(iter(scene.decoders)) if decoder is None else decoder)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    check_engine(kind, stored.config, chosen)
    pixels = picture_size(stored.config, size)
    if kind == "auto":
        return _open_auto(stored, chosen, pixels)
    if kind == "fastest":
        return _open_fastest(stored, chosen, pixels)
    return ENGINES[kind].open(stored, chosen, pixels)


def _compiling() -> list[EngineKind]:
    return [kind for kind in ENGINES.values() if kind.compiles]


def _open_auto(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    if needs_compiler("auto", device):
        try:
            return _open_fastest(decoder, device, size)
        except Exception as error:  # compilers raise whatever they like
            from model.decoding.compiled import free_frames

            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            log.warning("the decoder cannot be compiled here and runs uncompiled: %s", reason)
            free_frames(error)
    names = _AUTO_ON_CPU if device.type == "cpu" else ()
    suitable = [n for n in names if ENGINES[n].refusal(decoder.config, device) is None]
    return ENGINES[suitable[0] if suitable else PLAINEST].open(decoder, device, size)


def _open_fastest(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    import torch

    from model.decoding.compiled import CacheFile, cache_key, open_fastest

    able = [k for k in _compiling() if k.refusal(decoder.config, device) is None]
    if len(able) == 1:
        return able[0].open(decoder, device, size)
    makers = {k.name: partial(k.open, decoder, device, size) for k in able}
    key = cache_key(decoder, device, size, torch.float16, "fastest")
    return open_fastest(makers, CacheFile(key))


def picture_size(config: ModelConfig, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``, or for the trained size."""
    from model.networks import architecture_of

    if architecture_of(config).full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
