"""Scene files as open scenes."""

from __future__ import annotations

import functools
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nerv360.decoding import ENGINES, KEPT_CHAPTERS
from nerv360.errors import InputError
from nerv360.networks import in_crops
from nerv360.scene import Scene, outcome_sentences, read_header, read_scene, read_sound
from nerv360.sound import SoundTrack, find_track
from nerv360.viewer.decode import (
    ChapterFile,
    Cost,
    OpenScene,
    decoder_cost,
    decoder_names,
    engine_source,
    free_memory,
)
from nerv360.viewer.opening.clip import clip_sameness
from nerv360.viewer.opening.device import DeviceChoice


def prepare_file(path: Path, choice: DeviceChoice, engine: str = "auto") -> OpenScene:
    """Return the scene file at ``path`` as an open scene; chapters are read when they are needed.

    Args:
        choice, engine: see `prepare_scene`.

    Raises:
        InputError: as in `read_scene`, of the first chapter.
    """
    if len(read_header(path).header.chapters) == 1:
        return prepare_scene(read_scene(path, as_levels=True), path, choice, engine)
    file = ChapterFile(path)
    header, scene = file.header, prepare_scene(file.first, path, choice, engine)

    def cost(decoder: str) -> Cost:
        of_one = scene.cost(decoder)
        return replace(of_one, peak_bytes=KEPT_CHAPTERS * of_one.peak_bytes)

    def sound() -> SoundTrack | None:
        stored = read_sound(path)
        return None if stored is None else find_track(stored, str(path))

    return replace(
        scene,
        frames=header.frames,
        chapters=header.chapters,
        source=lambda decoder: engine_source(file.first, decoder, choice.device, engine, file),
        cost=functools.cache(cost),
        still=lambda decoder, chapter: (
            None if scene.still(decoder, 0) is None else file.still(chapter)
        ),
        sameness=partial(clip_sameness, header, path),
        cropped=None,
        sound=None if header.sound_channels is None else sound,
        outcome=lambda decoder: outcome_sentences(
            header.configs[decoder], header.trainings[decoder]
        ),
    )


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
        still=lambda decoder, _: None if scene.decoders[decoder].still is None else still,
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


def complete_scene(
    seen: OpenScene, path: Path, choice: DeviceChoice, chapter: int = 0
) -> OpenScene:
    """Read the whole scene file at ``path``, shown so far as ``seen`` by `prepare_glimpse`.

    Args:
        chapter: whose still panorama is shown.

    Raises:
        InputError: it cannot be read, or has changed since.
    """
    whole = prepare_file(path, choice)
    if _outline(seen) != _outline(whole) or not all(
        np.array_equal(_pixels(seen, name, chapter), _pixels(whole, name, chapter))
        for name in whole.decoders
    ):
        raise InputError(f"{path} has changed while it was being opened: open it again")
    # The same array that is on screen, so that it is not uploaded again.
    return replace(whole, still=lambda name, of: (seen if of == chapter else whole).still(name, of))


def _pixels(scene: OpenScene, decoder: str, chapter: int) -> npt.NDArray[np.uint8]:
    still = scene.still(decoder, chapter)
    return np.zeros(0, np.uint8) if still is None else still


def _outline(scene: OpenScene) -> tuple[object, ...]:
    return scene.title, scene.frames, scene.fps, scene.size, scene.decoders, scene.chapters
