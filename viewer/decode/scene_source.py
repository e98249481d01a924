"""Scene files as open scenes: their decoders, and the engines of each."""

from __future__ import annotations

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nerv360.decoding import (
    ENGINES,
    PLAINEST,
    decoding_bytes,
    open_engine,
    picture_size,
    with_compiler,
    without_compiler,
)
from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.networks import architecture_of
from nerv360.scene import Scene, read_scene
from nerv360.viewer.decode.clip_source import clip_sameness
from nerv360.viewer.decode.open_scene import Cost, EngineSource, Extension, OpenScene, decoder_names
from nerv360.viewer.shading import DRAWER, faster_drawn

_BACKGROUND_VIEW = (224, 224)
_CPU = torch.device("cpu")


def prepare_scene(
    scene: Scene, path: Path, device: torch.device, engine: str = "auto"
) -> OpenScene:
    """Return ``scene``, read from ``path``, as an open scene.

    Its decoders are opened on ``device`` when needed, with the engine kind ``engine`` (see
    `open_engine`).
    """
    still = None if scene.still is None else scene.still.pixels.numpy()
    return OpenScene(
        title=scene.attribution.title or path.stem,
        frames=scene.frames,
        fps=scene.fps,
        size=(scene.height, scene.width),
        decoders=decoder_names(scene.decoders),
        source=lambda decoder: engine_source(scene, decoder, device, engine),
        cost=functools.cache(lambda decoder: decoder_cost(scene, decoder, device)),
        free_bytes=lambda: free_memory(device),
        still=lambda decoder: None if scene.decoders[decoder].still is None else still,
        sameness=partial(clip_sameness, scene.header, path),
        file=path,
        engines=functools.cache(lambda: _engines(scene, device)),
    )


def _engines(scene: Scene, device: torch.device) -> tuple[str, ...]:
    """Return the names of the engines that decode one of the scene's decoders on ``device``."""
    configs = [decoder.config for decoder in scene.decoders.values()]
    named = [
        kind.name
        for kind in ENGINES.values()
        if any(kind.refusal(config, device) is None for config in configs)
    ]
    return ("auto", *named)


def complete_scene(seen: OpenScene, path: Path, device: torch.device) -> Extension:
    """Read the whole scene file at ``path``, shown so far as ``seen`` by `prepare_glimpse`.

    Its decoders are to be opened on ``device``.

    Raises:
        InputError: it cannot be read, or has changed since.
    """
    whole = prepare_scene(read_scene(path), path, device)
    if _outline(seen) != _outline(whole) or not all(
        np.array_equal(_pixels(seen, name), _pixels(whole, name)) for name in whole.decoders
    ):
        raise InputError(f"{path} has changed while it was being opened: open it again")
    # The same array that is on screen, so that it is not uploaded again.
    return Extension(seen, replace(whole, still=seen.still), whole.decoders)


def _pixels(scene: OpenScene, decoder: str) -> npt.NDArray[np.uint8]:
    still = scene.still(decoder)
    return np.zeros(0, np.uint8) if still is None else still


def _outline(scene: OpenScene) -> tuple[object, ...]:
    return scene.title, scene.frames, scene.fps, scene.size, scene.decoders


def decoder_cost(scene: Scene, decoder: str, device: torch.device) -> Cost:
    """Estimate the cost of one picture of a decoder on ``device`` without decoding."""
    stored = scene.decoders[decoder]
    config = stored.config
    height, width = picture_size(config, None)
    tensors = [*stored.weights.values(), stored.embeddings, *stored.finer]
    if stored.still is not None:
        tensors += [stored.still.pixels, stored.still.motion]
    held = sum(tensor.nbytes for tensor in tensors)
    network = 4 * sum(tensor.numel() for tensor in stored.weights.values())
    activations = decoding_bytes(config, 2 if device.type == "cuda" else 4)
    return Cost(height * width, architecture_of(config).full_frame, held + network + activations)


def free_memory(device: torch.device) -> int:
    """Return the bytes that tensors on ``device`` may still take."""
    if device.type != "cuda":
        return free_bytes(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free_bytes(device) + unused


def engine_source(
    scene: Scene, decoder: str, device: torch.device, engine: str = "auto"
) -> EngineSource:
    """Return the engines of one decoder of a scene.

    The first is available at once; its fallbacks end with the plainest on the CPU. The upgrade is a
    compiled engine, or drawing if that proves faster.
    """
    at_once = without_compiler(engine, device)
    chain = [(device, at_once)]
    if device.type != "cpu":
        chain.append((device, PLAINEST))
    chain += [(_CPU, "auto"), (_CPU, PLAINEST)]
    opened = partial(open_engine, scene, decoder)
    engines = [partial(opened, where, kind=kind) for where, kind in dict.fromkeys(chain)]
    upgrade = None
    if at_once != engine:
        upgrade = partial(opened, device, kind=with_compiler(engine, device))
    elif engine == "auto" and DRAWER.renderer is not None:
        drawn, other = (partial(opened, _CPU, kind=kind) for kind in ("gl", "auto"))
        upgrade = partial(faster_drawn, drawn, other)
    config = scene.decoders[decoder].config
    if config.still_panorama or architecture_of(config).full_frame:
        return EngineSource(engines, upgrade=upgrade)
    kind = without_compiler("auto", device)
    background = partial(opened, device, size=_BACKGROUND_VIEW, kind=kind)
    return EngineSource(engines, background, upgrade)
