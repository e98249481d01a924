"""Choosing the engine for a scene and a device."""

from __future__ import annotations

import logging
from functools import partial

import torch

from model.config import ModelConfig
from model.decoding.compiled.cache import Artefacts, KeptFile, artefact_key
from model.decoding.compiled.compiler import building, free_frames
from model.decoding.compiled.engine import CompiledEngine
from model.decoding.compiled.fastest import open_fastest
from model.decoding.compiled.gpu import CudaGpu
from model.decoding.eager import EagerEngine, FoldedEngine
from model.decoding.engine import Engine
from model.decoding.folded.frame import FoldedFrameEngine
from model.devices import choose_device, multiplies_bfloat16
from model.errors import InputError
from model.networks.registry import architecture_of
from model.scene.scene_file import Decoder, Scene

log = logging.getLogger(__name__)

ENGINES = ("auto", "eager", "folded", "compiled", "fused", "fastest")
_VIEWPORT_ENGINES = ("fused",)
_CUDA_ENGINES = ("compiled", "fused", "fastest")
_FUSED_CAPABILITIES = (8, 9, 12)
"""Major compute capabilities. Below are no matrix units that Triton uses; for 10.0 Triton 3.7 makes
code of the kernels that only traps, which would end the process's use of the GPU."""


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
        kind: ``fastest`` is the faster of compiled and fused, measured once on a GPU, and for whole
            frames compiled. ``auto`` is that on CUDA, or eager where no compiler works, and on the
            CPU folded, in bfloat16 where it suits decoder and processor: compiled code was slower
            (docs/performance.md).

    Raises:
        InputError: the scene has no such decoder, or there is no such device or engine.
        ImportError: ``fused`` was asked for without Triton.
        Exception: an engine that needs a compiler was asked for and cannot be built.
    """
    stored = scene.decoder(decoder)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    check_engine(kind, scene, decoder, chosen)
    architecture = architecture_of(stored.config)
    pixels = picture_size(stored.config, size)
    if kind in ("compiled", "fused"):
        return open_compiled(stored, chosen, pixels, fused=kind == "fused")
    if kind == "fastest":
        return _open_fastest(stored, chosen, pixels)
    if kind == "auto" and chosen.type == "cuda":
        try:
            return _open_fastest(stored, chosen, pixels)
        except InputError:
            raise
        except Exception as error:  # compilers raise whatever they like
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            log.warning("the decoder cannot be compiled here and runs uncompiled: %s", reason)
            free_frames(error)
    if kind == "folded" or (kind == "auto" and chosen.type == "cpu"):
        half = kind == "auto" and architecture.suits_bfloat16 and multiplies_bfloat16()
        folded = FoldedFrameEngine if architecture.full_frame else FoldedEngine
        return folded(stored, chosen, pixels, torch.bfloat16 if half else torch.float32)
    return EagerEngine(stored, chosen, pixels)


def check_engine(kind: str, scene: Scene, decoder: str, device: torch.device) -> None:
    """Raise InputError where no engine of this kind decodes ``decoder`` of ``scene`` there.

    Raises:
        InputError: there is no such kind, or it is for other decoders or devices.
    """
    if kind not in ENGINES:
        raise InputError(f"--engine must be one of {', '.join(ENGINES)}, not {kind!r}")
    if kind in _VIEWPORT_ENGINES and architecture_of(scene.decoders[decoder].config).full_frame:
        raise InputError(f"--engine {kind}: it decodes viewports, and {decoder} whole frames")
    if kind in _CUDA_ENGINES and device.type != "cuda":
        raise InputError(f"--engine {kind}: it needs a CUDA device, not {device}")


def _open_fastest(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    if architecture_of(decoder.config).full_frame:
        return open_compiled(decoder, device, size)
    makers = {
        name: partial(open_compiled, decoder, device, size, fused=name == "fused")
        for name in ("compiled", "fused")
    }
    key = artefact_key(decoder, CudaGpu(device).device, size, torch.float16, "fastest")
    return open_fastest(makers, KeptFile(key))


def open_compiled(
    decoder: Decoder, device: torch.device, size: tuple[int, int], *, fused: bool = False
) -> CompiledEngine:
    """The compiled or the fused engine, from the code that an earlier run compiled where that is
    still good.

    Raises:
        ImportError: ``fused`` without Triton.
        RuntimeError: ``fused`` is not for this GPU, or memory runs out.
        Exception: no compiler works here; of which kind, that compiler decides.
    """
    with building():
        return _open_compiled(decoder, CudaGpu(device), size, fused=fused)


def _open_compiled(
    decoder: Decoder, gpu: CudaGpu, size: tuple[int, int], *, fused: bool
) -> CompiledEngine:
    if fused and torch.cuda.get_device_capability(gpu.device)[0] not in _FUSED_CAPABILITIES:
        raise RuntimeError(
            f"the fused engine's kernels were not tried on {torch.cuda.get_device_name(gpu.device)}"
        )
    name = "fused" if fused else "compiled"
    tiles = KeptFile(artefact_key(decoder, gpu.device, size, torch.float16, "tiles"))
    kept = Artefacts(artefact_key(decoder, gpu.device, size, torch.float16, name))
    try:
        kept.load()
        engine = CompiledEngine(decoder, gpu, size, fused=fused, tiles=tiles)
    except (torch.OutOfMemoryError, ImportError):
        raise
    except Exception as error:
        # Kept code that no longer runs must not stand in the way of new code.
        log.info("compiling anew, without what was kept: %s", error)
        free_frames(error)
        kept.discard()
        tiles.discard()
        torch.compiler.reset()
        with torch.compiler.config.patch(force_disable_caches=True):  # type: ignore[attr-defined]
            return CompiledEngine(decoder, CudaGpu(gpu.device), size, fused=fused, tiles=tiles)
    kept.save()
    return engine


def picture_size(config: ModelConfig, size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``."""
    if architecture_of(config).full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
