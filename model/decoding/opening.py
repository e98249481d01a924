"""Choices of an engine: their names, their meaning on a device, and opening it.

Importing it does not load torch.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from nerv360.decoding.engine import TurnTaking
from nerv360.decoding.engines import ENGINES
from nerv360.errors import InputError, first_line
from nerv360.memory import check_memory

if TYPE_CHECKING:
    import torch

    from nerv360.config import ModelConfig
    from nerv360.decoding.engine import Engine
    from nerv360.scene import Decoder, Scene

log = logging.getLogger(__name__)

_LEAST_PER_PIXEL = 16
"""Bytes of a whole frame's pixel: its colours in float32, and what is made of them."""

PLAINEST = next(iter(ENGINES))

AUTO = "auto"
"""Choice of an engine by device and decoder."""

_AUTOMATIC = {"cpu": ("folded-bfloat16", "folded"), "cuda": ("compiled",)}
"""Engines that `AUTO` tries in order, by type of device.

On the CPU compiled code was slower (docs/performance.md). On CUDA the fused engine is used only by
name until it has been measured.
"""


def engine_choices() -> tuple[str, ...]:
    """Return the names for `open_engine`."""
    return (AUTO, *ENGINES)


def engine_help() -> str:
    """Return the choices in one line, by device."""
    every = ", ".join([AUTO, *(k.name for k in ENGINES.values() if len(k.devices) > 1)])
    on_cpu = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cpu",))
    on_cuda = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cuda",))
    return f"How to decode: {every}; on the CPU also {on_cpu}; on CUDA also {on_cuda}."


def needs_compiler(kind: str, device: torch.device) -> bool:
    """Return True if a choice needs a compiler on a device."""
    kinds = _AUTOMATIC.get(device.type, ()) if kind == AUTO else (kind,)
    return any(ENGINES[name].compiles for name in kinds)


def without_compiler(kind: str, device: torch.device) -> str:
    """Return ``kind`` if it needs no compiler, otherwise the plainest engine."""
    return PLAINEST if needs_compiler(kind, device) else kind


def with_compiler(kind: str, device: torch.device) -> str:
    """Return the engine of a choice that needs a compiler, assuming the compiler works."""
    if kind != AUTO:
        return kind
    return next(name for name in _AUTOMATIC[device.type] if ENGINES[name].compiles)


def check_engine(kind: str, config: ModelConfig, device: torch.device) -> None:
    """Check that an engine choice can decode a configuration on a device.

    Raises:
        InputError: there is no such choice, or it cannot decode this configuration there.
    """
    if kind not in engine_choices():
        raise InputError(f"there is no engine {kind!r}, only {', '.join(engine_choices())}")
    if kind == AUTO:
        return
    reason = ENGINES[kind].refusal(config, device)
    if reason is not None:
        raise InputError(f"the {kind} engine {reason}")


def open_engine(
    scene: Scene | str | os.PathLike[str],
    decoder: str | None = None,
    device: str | torch.device = "auto",
    size: tuple[int, int] | None = None,
    kind: str = "auto",
    crops: bool = False,
) -> Engine:
    """Open an engine for one decoder of a scene.

    Args:
        scene: in memory, or its file; chapters of a file are read when they are needed.
        decoder: its name; by default the scene's first.
        device: a torch device, or ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        size: height and width of a viewport in pixels, rounded to the nearest multiple of the
            strides' product; by default the trained size. Full-frame decoders ignore it.
        kind: a name in `ENGINES`, or ``auto``: on CUDA compiled, or eager if no compiler works; on
            the CPU folded, in bfloat16 if it suits decoder and CPU; elsewhere eager.
        crops: a full-frame decoder decodes only the crop of its frames that a look sees.

    Raises:
        InputError: the scene cannot be read or has no such decoder, there is no such device, the
            engine cannot decode it there, or there is too little memory.
        RuntimeError: memory runs out.
        Exception: an engine that needs a compiler was asked for and cannot be built.
    """
    import torch

    from nerv360.devices import choose_device, unused_card
    from nerv360.scene import Scene

    if not isinstance(scene, Scene):
        return _open_file(scene, decoder, device, size, kind)
    stored = scene.decoder(next(iter(scene.decoders)) if decoder is None else decoder)
    if crops:
        from nerv360.networks import in_crops

        stored = replace(stored, config=in_crops(stored.config))
    if device == AUTO and (reason := unused_card()) is not None:
        log.warning("%s", reason)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    check_engine(kind, stored.config, chosen)
    pixels = picture_size(stored.config, size)
    _check_memory(stored.config, pixels, chosen)
    if kind == AUTO:
        return _open_auto(stored, chosen, pixels)
    return ENGINES[kind].open(stored, chosen, pixels)


def open_alike(
    like: TurnTaking | str | None,
    scene: Scene,
    decoder: str,
    device: str | torch.device,
    size: tuple[int, int] | None,
    kind: str,
) -> Engine:
    """Open an engine of a decoder with the same configuration as those before.

    Args:
        like: the first engine, if it is `TurnTaking`: its code and graphs serve all, only
            weights change. Otherwise its name, or None to open the first one, of ``kind``.

    Raises:
        Exception: as from `open_engine`.
    """
    if like is not None and not isinstance(like, str):
        return like.beside(scene.decoder(decoder))
    return open_engine(scene, decoder, device, size, like or kind)


def _open_file(
    path: str | os.PathLike[str],
    decoder: str | None,
    device: str | torch.device,
    size: tuple[int, int] | None,
    kind: str,
) -> Engine:
    from nerv360.decoding.chapters import ChapterEngine
    from nerv360.scene import read_header, read_scene

    header = read_header(path).header
    name = next(iter(header.configs)) if decoder is None else decoder

    def open_chapter(chapter: int, like: TurnTaking | str | None) -> Engine:
        scene = read_scene(path, name, chapter=chapter)
        return open_alike(like, scene, name, device, size, kind)

    if len(header.chapters) == 1:
        return open_chapter(0, None)
    return ChapterEngine(header.chapters, header.frames, open_chapter)


def _check_memory(config: ModelConfig, size: tuple[int, int], device: torch.device) -> None:
    """Raise InputError if even the thriftiest engine needs more memory than there is.

    A card without memory raises an error by itself; main memory ends the process or swaps.
    """
    if device.type != "cpu":
        return
    from nerv360.decoding.memory_estimate import decoding_bytes
    from nerv360.networks import shows_frames

    if shows_frames(config):
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
            except Exception as error:  # compilers may raise any error
                from nerv360.decoding.compiled import free_frames

                reason = f"cannot be built: {first_line(error)}"
                free_frames(error)
        log.warning("pictures are decoded uncompiled: the %s engine %s", name, reason)
    return ENGINES[PLAINEST].open(decoder, device, size)


def abandon_builds() -> None:
    """Stop counting builds that are underway, because the process is about to end by itself.

    If a process ends during a build for another reason, the build may be the cause and is counted.
    """
    if "nerv360.decoding.compiled" in sys.modules:  # otherwise no build is underway
        from nerv360.decoding.compiled import abandon_builds

        abandon_builds()


def picture_size(config: ModelConfig, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return height and width of a decoder's pictures for ``size``, or for the trained size."""
    from nerv360.networks import shows_frames

    if shows_frames(config):
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
