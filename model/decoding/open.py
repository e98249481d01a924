"""Choosing the engine for a scene and a device."""

from __future__ import annotations

import logging

import torch

from model.config import ModelConfig
from model.decoding.artefacts import Artefacts, artefact_key
from model.decoding.compiled import CompiledEngine
from model.decoding.eager import EagerEngine, FoldedEngine
from model.decoding.gpu import CudaGpu
from model.decoding.protocol import Engine
from model.devices import choose_device, multiplies_bfloat16
from model.errors import InputError
from model.scene import Decoder, Scene

log = logging.getLogger(__name__)

ENGINES = ("auto", "eager", "folded", "compiled")


def open_engine(
    scene: Scene,
    decoder: str,
    device: str | torch.device = "auto",
    size: tuple[int, int] | None = None,
    kind: str = "auto",
) -> Engine:
    """An engine for one decoder of a scene.

    Args:
        size: height and width of a viewport in pixels, brought to the nearest multiple of the
            strides' product; the trained size by default. A full-frame decoder has only its own.
        kind: ``auto`` is compiled on CUDA, or eager where no compiler works, and on the CPU folded
            for viewports, in bfloat16 where the processor multiplies it: compiled code was slower
            (docs/performance.md).

    Raises:
        InputError: the scene has no such decoder, or there is no such device or engine.
        RuntimeError: ``compiled`` was asked for and cannot be built.
    """
    if decoder not in scene.decoders:
        raise InputError(
            f"--decoder {decoder}: the scene has only {', '.join(sorted(scene.decoders))}"
        )
    if kind not in ENGINES:
        raise InputError(f"--engine must be one of {', '.join(ENGINES)}, not {kind!r}")
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    stored = scene.decoders[decoder]
    pixels = picture_size(stored.config, size)
    if kind == "folded" and stored.config.full_frame:
        raise InputError(f"--engine folded: it decodes viewports, and {decoder} whole frames")
    if kind == "compiled" and chosen.type != "cuda":
        raise InputError(f"--engine compiled: it needs a CUDA device, not {chosen}")
    if kind == "compiled":
        return open_compiled(stored, chosen, pixels)
    if kind == "auto" and chosen.type == "cuda":
        try:
            return open_compiled(stored, chosen, pixels)
        except (RuntimeError, ImportError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            log.warning("the decoder cannot be compiled here and runs uncompiled: %s", reason)
    if kind == "folded":
        return FoldedEngine(stored, chosen, pixels)
    if kind == "auto" and chosen.type == "cpu" and not stored.config.full_frame:
        dtype = torch.bfloat16 if multiplies_bfloat16() else torch.float32
        return FoldedEngine(stored, chosen, pixels, dtype)
    return EagerEngine(stored, chosen, pixels)


def open_compiled(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> CompiledEngine:
    """The compiled engine, from the code that an earlier run compiled where that is still good.

    Raises:
        RuntimeError: no compiler works here, or memory runs out.
    """
    gpu = CudaGpu(device)
    kept = Artefacts(artefact_key(decoder, gpu.device, size, torch.float16))
    kept.load()
    try:
        engine = CompiledEngine(decoder, gpu, size)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        # Kept code that no longer runs must not stand in the way of new code.
        log.info("compiling anew, without what was kept: %s", error)
        kept.discard()
        torch.compiler.reset()
        with torch.compiler.config.patch(force_disable_caches=True):  # type: ignore[attr-defined]
            return CompiledEngine(decoder, CudaGpu(gpu.device), size)
    kept.save()
    return engine


def picture_size(config: ModelConfig, size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``."""
    if config.full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
