"""The fused engine: the compiled engine with a viewport's stages in the project's own kernels."""

from __future__ import annotations

from functools import partial

import torch

from nerv360.decoding.compiled import CacheFile, CompiledEngine, cache_key, open_compiled
from nerv360.decoding.triton.runner import FusedRunner
from nerv360.scene import Decoder


def open_fused(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> CompiledEngine:
    """Open the fused engine of a viewport decoder on a CUDA device, for pictures of ``size``.

    Raises:
        RuntimeError: the picture is too large for the kernels, or memory runs out.
        Exception: no compiler works here; the type depends on the compiler.
    """
    tiles = CacheFile(cache_key(decoder, device, size, torch.float16, "tiles"))
    runner = partial(FusedRunner, tiles=tiles)
    return open_compiled(decoder, device, size, name="fused", make_runner=runner, measured=[tiles])
