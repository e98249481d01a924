"""The engines of a scene's decoders, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from nerv360.decoding import (
    ENGINES,
    PLAINEST,
    Engine,
    decoding_bytes,
    open_engine,
    picture_size,
    tile_bytes,
    with_compiler,
    without_compiler,
)
from nerv360.devices import free_bytes
from nerv360.networks import architecture_of, shows_frames
from nerv360.scene import Scene
from nerv360.viewer.decode.chapter_file import ChapterFile
from nerv360.viewer.decode.open_scene import Cost, EngineSource
from nerv360.viewer.shading import DRAWER, faster_drawn

_BACKGROUND_VIEW = (224, 224)
_CPU = torch.device("cpu")


def decoder_cost(scene: Scene, decoder: str, device: torch.device) -> Cost:
    """Estimate the cost of one picture of a decoder on ``device`` without decoding."""
    stored = scene.decoders[decoder]
    config = stored.config
    height, width = picture_size(config, None)
    tensors = list(stored.weights.values())
    if stored.still is not None:
        tensors.append(stored.still.pixels)
    held = 0
    if device.type != "cuda":  # on a card only those of one frame
        held = stored.embedding_bytes
        if stored.still is not None:
            tensors.append(stored.still.motion)
    held += sum(tensor.nbytes for tensor in tensors)
    network = 4 * sum(tensor.numel() for tensor in stored.weights.values())
    activations = decoding_bytes(config, 2 if device.type == "cuda" else 4)
    if device.type == "cpu":
        activations = max(activations, tile_bytes(config))
    return Cost(height * width, shows_frames(config), held + network + activations)


def free_memory(device: torch.device) -> int:
    """Return the bytes that tensors on ``device`` may still take."""
    if device.type != "cuda":
        return free_bytes(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free_bytes(device) + unused


def engine_source(
    scene: Scene,
    decoder: str,
    device: torch.device,
    engine: str = "auto",
    chapters: ChapterFile | None = None,
) -> EngineSource:
    """Return the engines of one decoder of a scene.

    The first is available at once; its fallbacks end with the plainest on the CPU. The upgrade is a
    compiled engine, or drawing if that proves faster.

    Args:
        chapters: opens engines for all chapters; ``scene`` is the first.
    """
    at_once = without_compiler(engine, device)
    chain = [(device, at_once)]
    if device.type != "cpu":
        chain.append((device, PLAINEST))
    chain += [(_CPU, "auto"), (_CPU, PLAINEST)]
    opened: Callable[..., Engine] = partial(open_engine, scene, decoder)
    if chapters is not None:
        opened = partial(chapters.engine, decoder)
    engines = [partial(opened, where, kind=kind) for where, kind in dict.fromkeys(chain)]
    upgrade = None
    config = scene.decoders[decoder].config
    if at_once != engine:
        # Chapters take turns in an engine; the fused one's would all be built anew.
        compiled = with_compiler(engine if chapters is None else "auto", device)
        if ENGINES[compiled].unsuited(config) is None:
            upgrade = partial(opened, device, kind=compiled)
    elif (
        engine == "auto" and DRAWER.renderer is not None and ENGINES["gl"].unsuited(config) is None
    ):
        drawn, other = (partial(opened, _CPU, kind=kind) for kind in ("gl", "auto"))
        upgrade = partial(faster_drawn, drawn, other)
    if config.still_panorama or architecture_of(config).full_frame:
        return EngineSource(engines, upgrade=upgrade)
    kind = without_compiler("auto", device)
    background = partial(opened, device, size=_BACKGROUND_VIEW, kind=kind)
    return EngineSource(engines, background, upgrade)
