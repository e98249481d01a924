"""Scene files as open scenes."""

from __future__ import annotations

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nerv360.decoding import ENGINES
from nerv360.errors import InputError
from nerv360.networks import in_crops
from nerv360.scene import Scene, outcome_sentences, read_scene
from nerv360.sound import find_track
from nerv360.viewer.decode import (
    OpenScene,
    decoder_cost,
    decoder_names,
    engine_source,
    free_memory,
)
from nerv360.viewer.opening.clip import clip_sameness
from nerv360.viewer.opening.device import DeviceChoice


def prepare_scene(
    scene: Scene, path: Path, choice: DeviceChoice, engine: str = "auto"
) -> OpenScene:
    """Return ``scene``, read from ``path``, as an open scene.

    Its decoders are opened on the chosen device when needed, with the engine kind ``engine`` (see
    `open_engine`).
    """
    still = None if scene.still is None else scene.still.pixels.numpy()
    return OpenScene(
        title=scene.attribution.title or path.stem,
        frames=scene.frames,
        fps=scene.fps,
        size=(scene.height, scene.width),
        decoders=decoder_names(scene.decoders),
        source=lambda decoder: engine_source(scene, decoder, choice.device, engine),
        cost=functools.cache(lambda decoder: decoder_cost(scene, decoder, choice.device)),
        free_bytes=lambda: free_memory(choice.device),
        still=lambda decoder: None if scene.decoders[decoder].still is None else still,
        sameness=partial(clip_sameness, scene.header, path),
        file=path,
        cropped=functools.cache(lambda: prepare_scene(_cropped(scene), path, choice, engine)),
        sound=None if scene.sound is None else partial(find_track, scene.sound, str(path)),
        engines=functools.cache(lambda: _engines(scene, choice.device)),
        outcome=lambda decoder: _outcome(scene, decoder),
    )


def _cropped(scene: Scene) -> Scene:
    decoders = {
        name: replace(decoder, config=in_crops(decoder.config))
        for name, decoder in scene.decoders.items()
    }
    return replace(scene, decoders=decoders)


def _outcome(scene: Scene, decoder: str) -> list[str]:
    stored = scene.decoders[decoder]
    return outcome_sentences(stored.config, stored.training)


def _engines(scene: Scene, device: torch.device) -> tuple[str, ...]:
    """Return the names of the engines that decode one of the scene's decoders on ``device``."""
    configs = [decoder.config for decoder in scene.decoders.values()]
    named = [
        kind.name
        for kind in ENGINES.values()
        if any(kind.refusal(config, device) is None for config in configs)
    ]
    return ("auto", *named)


def complete_scene(seen: OpenScene, path: Path, choice: DeviceChoice) -> OpenScene:
    """Read the whole scene file at ``path``, shown so far as ``seen`` by `prepare_glimpse`.

    Raises:
        InputError: it cannot be read, or has changed since.
    """
    whole = prepare_scene(read_scene(path), path, choice)
    if _outline(seen) != _outline(whole) or not all(
        np.array_equal(_pixels(seen, name), _pixels(whole, name)) for name in whole.decoders
    ):
        raise InputError(f"{path} has changed while it was being opened: open it again")
    # The same array that is on screen, so that it is not uploaded again.
    return replace(whole, still=seen.still)


def _pixels(scene: OpenScene, decoder: str) -> npt.NDArray[np.uint8]:
    still = scene.still(decoder)
    return np.zeros(0, np.uint8) if still is None else still


def _outline(scene: OpenScene) -> tuple[object, ...]:
    return scene.title, scene.frames, scene.fps, scene.size, scene.decoders
