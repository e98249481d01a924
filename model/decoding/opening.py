"""Choices of an engine: their names, what each comes to on a device, and opening it.

As of the table, importing it does not load torch.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from model.decoding.engines import ENGINES
from model.errors import InputError, first_line
from model.memory import check_memory

if TYPE_CHECKING:
    import torch

    from model.config import ModelConfig
    from model.decoding.engine import Engine
    from model.scene import Decoder, Scene

log = logging.getLogger(__name__)

_LEAST_PER_PIXEL = 16
"""Bytes of a whole frame's pixel: its colours in float32, and what is made of them."""

PLAINEST = next(iter(ENGINES))

AUTO = "auto"
"""The choice that stands for an engine once the device and the decoder are known."""

_AUTOMATIC = {"cpu": ("folded-bfloat16", "folded"), "cuda": ("compiled",)}
"""What `AUTO` takes, by type of device: the first that suits. On the CPU compiled code was slower
(docs/performance.md). Of CUDA's engines, fused is taken by name only until it has been measured."""


def engine_choices() -> tuple[str, ...]:
    """Return the names that `open_engine` knows."""
    return (AUTO, *ENGINES)


def engine_help() -> str:
    """Return the choices in one line, by the devices that they are for."""
    every = ", ".join([AUTO, *(k.name for k in ENGINES.values() if len(k.devices) > 1)])
    on_cpu = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cpu",))
    on_cuda = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cuda",))
    return f"How to decode: {every}; on the CPU also {on_cpu}; on CUDA also {on_cuda}."


def needs_compiler(kind: str, device: torch.device) -> bool:
    """Return whether opening a choice on a device takes a compiler."""
    kinds = _AUTOMATIC.get(device.type, ()) if kind == AUTO else (kind,)
    return any(ENGINES[name].compiles for name in kinds)


def without_compiler(kind: str, device: torch.device) -> str:
    """Return the choice that is there at once: ``kind`` itself, or the plainest engine instead."""
    return PLAINEST if needs_compiler(kind, device) else kind


def with_compiler(kind: str, device: torch.device) -> str:
    """Return the engine that a choice comes to if its compiler works; of those that need one."""
    if kind != AUTO:
        return kind
    return next(name for name in _AUTOMATIC[device.type] if ENGINES[name].compiles)


def check_engine(kind: str, config: ModelConfig, device: torch.device) -> None:
    """Check that a choice decodes a configuration on a device.

    Raises:
        InputError: there is no such choice, or no engine of it decodes that there.
    """
    if kind not in engine_choices():
        raise InputError(f"there is no engine {kind!r}, only {', '.join(engine_choices())}")
    if kind == AUTO:
        return
    reason = ENGINES[kind].refusal(config, device)
    if reason is not None:
        raise InputError(f"the {kind} engine {reason}")


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
        kind: a name in `ENGINES`, or ``auto``: on CUDA compiled, or eager if no compiler works; on
            the CPU folded, in bfloat16 if it suits decoder and processor; elsewhere eager.

    Raises:
        InputError: the scene has no such decoder, there is no such device, no such engine
            decodes it there, or there is too little memory to.
        RuntimeError: memory runs out.
        Exception: an engine that needs a compiler was asked for and cannot be built.
    """
    import torch

    from model.devices import choose_device, unused_card

    stored = scene.decoder(next(iter(scene.decoders)) if decoder is None else decoder)
    if device == AUTO and (reason := unused_card()) is not None:
        log.warning("%s", reason)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    check_engine(kind, stored.config, chosen)
    pixels = picture_size(stored.config, size)
    _check_memory(stored.config, pixels, chosen)
    if kind == AUTO:
        return _open_auto(stored, chosen, pixels)
    return ENGINES[kind].open(stored, chosen, pixels)


def _check_memory(config: ModelConfig, size: tuple[int, int], device: torch.device) -> None:
    """Refuse pictures for which there is too little memory, however little an engine takes.

    A card that runs out says so by itself; main memory ends the process or swaps.
    """
    if device.type != "cpu":
        return
    from model.decoding.memory_estimate import decoding_bytes
    from model.networks import architecture_of

    if architecture_of(config).full_frame:
        needed = _LEAST_PER_PIXEL * size[0] * size[1]  # some engines decode it in bands
    else:
        sized = config.replace(viewport_height=size[0], viewport_width=size[1])
        needed = decoding_bytes(sized, element_bytes=2)
    check_memory(needed, f"decoding pictures of {size[1]}x{size[0]}")


def _open_auto(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    for name in _AUTOMATIC.get(device.type, ()):
        kind = ENGINES[name]
        reason = kind.refusal(decoder.config, device)
        if not kind.compiles:
            if reason is None:
                return kind.open(decoder, device, size)
            continue
        if reason is None:
            try:
                return kind.open(decoder, device, size)
            except Exception as error:  # compilers raise whatever they like
                from model.decoding.compiled import free_frames

                reason = f"cannot be built: {first_line(error)}"
                free_frames(error)
        log.warning("pictures are decoded uncompiled: the %s engine %s", name, reason)
    return ENGINES[PLAINEST].open(decoder, device, size)


def abandon_builds() -> None:
    """Forget that engines are being built, as the process is about to end by itself.

    A process that ends in a build for another reason may have died of it, which is counted.
    """
    if "model.decoding.compiled" in sys.modules:  # else none is
        from model.decoding.compiled import abandon_builds

        abandon_builds()


def picture_size(config: ModelConfig, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``, or for the trained size."""
    from model.networks import architecture_of

    if architecture_of(config).full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
