"""The fastest of several engines on this machine: measured once, then remembered."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping

import torch

from model.decoding.compiled.cache import CacheFile
from model.decoding.compiled.compiler import free_frames
from model.decoding.engine import Engine
from model.decoding.timing import picture_seconds
from model.geometry import Look

log = logging.getLogger(__name__)

AGREEMENT_DB = 45.0
"""PSNR between the pictures of two engines, at least, of colours and of alpha."""

_LOOKS = tuple(Look.from_degrees(40.0 * k, 15.0 * k - 60.0) for k in range(9))
_ROUNDS = 4


def open_fastest(makers: Mapping[str, Callable[[], Engine]], kept: CacheFile) -> Engine:
    """The engine that decodes a paused frame fastest, of those that can be made.

    The first one's pictures are what the others must show too. Each engine's time is its shortest
    for a picture: something else may use the GPU meanwhile, the viewer's first engine for one.

    Args:
        makers: of engines of one decoder, by names that are remembered.
        kept: where the fastest one's name is kept for the next time.

    Raises:
        Exception: none can be made; what the last one said.
    """
    name = (kept.read() or b"").decode(errors="replace")
    if name in makers:
        try:
            return makers[name]()
        except Exception as error:
            log.info("the %s engine, fastest the last time, cannot be made now: %s", name, error)
            free_frames(error)
            kept.discard()
    engines: dict[str, Engine] = {}
    failure: Exception = RuntimeError("there is no engine")
    for name, make in makers.items():
        try:
            engines[name] = make()
        except Exception as error:
            failure = error
            log.info("the %s engine cannot be made here: %s", name, error)
            free_frames(error)
    if not engines:
        raise failure
    if len(engines) == 1:
        return engines.popitem()[1]
    name = _fastest(engines)
    kept.write(name.encode())
    # Made anew, alone: what is told of its memory should be its own.
    engines.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return makers[name]()


def _fastest(engines: dict[str, Engine]) -> str:
    reference, *others = engines
    agreeing = [reference, *(n for n in others if _agree(engines[reference], engines[n], n))]
    times = {name: float("inf") for name in agreeing}
    for _ in range(_ROUNDS if len(agreeing) > 1 else 0):
        for name in agreeing:
            seconds = picture_seconds(engines[name], [(look, 0) for look in _LOOKS])
            times[name] = min(times[name], *seconds)
    for name in agreeing:
        log.info("the %s engine takes %.2f ms a picture", name, 1000 * times[name])
    return min(agreeing, key=lambda name: times[name])


def _agree(reference: Engine, engine: Engine, name: str) -> bool:
    """Both show the same, as far as half precision goes."""
    errors = []
    for look in _LOOKS[::4]:
        pixels = [e.decode(look, 0).pixels.double() for e in (reference, engine)]
        error = (pixels[0] - pixels[1]).square()
        errors += [float(error[..., :3].mean()), float(error[..., 3].mean())]
    if max(errors) <= 255**2 / 10 ** (AGREEMENT_DB / 10):
        return True
    log.warning("the %s engine's pictures differ from the others' and are not used", name)
    return False
