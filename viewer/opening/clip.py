"""Clips as open scenes; their only decoder is the clip's own codec."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from nerv360.decoding import ClipEngine
from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.scene import SceneHeader, check_clip
from nerv360.sound import clip_sound
from nerv360.text import file_name
from nerv360.video import Clip, ClipReader, check_equirectangular
from nerv360.viewer.decode import ORIGINAL, Cost, EngineSource, OpenScene


def prepare_clip(clip: Clip, *, planes: bool = True) -> OpenScene:
    """Prepare a clip to be shown without a scene; a note on its rate becomes the remark.

    Args:
        planes: as `ClipEngine` takes it; a window can show them.

    Raises:
        InputError: it is not, or not known to be, equirectangular.
    """
    check_equirectangular(clip)
    name, info = file_name(clip.path), clip.info
    return OpenScene(
        title=name,
        frames=info.frames,
        fps=info.fps,
        size=(info.height, info.width),
        decoders=(ORIGINAL,),
        source=lambda decoder: clip_source(clip, planes=planes),
        cost=lambda decoder: clip_cost(clip),
        free_bytes=lambda: free_bytes(torch.device("cpu")),
        remark=f"{name}: {'; '.join(clip.notes)}." if clip.notes else None,
        file=clip.path,
        sound=partial(clip_sound, clip),
    )


def compare_clip(scene: OpenScene, clip: Clip) -> str:
    """Check that a clip is the scene's own; return a sentence on how well it matches.

    Raises:
        InputError: it is another clip, or the scene is itself a clip.
    """
    name = file_name(clip.path)
    if scene.sameness is None:
        raise InputError(
            f"{name} cannot be compared with a clip: open its scene, then drop it again"
        )
    return f"{name} is beside the scene (Tab, C): {scene.sameness(clip)}."


def put_beside(scene: OpenScene, clip: Clip, remark: str | None) -> OpenScene:
    """Add its own clip to ``scene`` as another decoder, the second in turn.

    Args:
        remark: result of `compare_clip`; None if that has been said.
    """
    others = tuple(name for name in scene.decoders if name != ORIGINAL)
    return replace(
        scene,
        decoders=(others[0], ORIGINAL, *others[1:]),
        source=lambda name: clip_source(clip) if name == ORIGINAL else scene.source(name),
        cost=lambda name: clip_cost(clip) if name == ORIGINAL else scene.cost(name),
        still=lambda name, chapter: None if name == ORIGINAL else scene.still(name, chapter),
        remark=remark,
        beside=clip,
        sound=partial(clip_sound, clip),
    )


def extend_by_clip(scene: OpenScene, clip: Clip) -> OpenScene:
    """Compare a clip with ``scene`` and put it beside it; takes seconds.

    Raises:
        InputError: it is another clip.
    """
    clip = clip.at_size(scene.size)
    try:
        remark = compare_clip(scene, clip)
    except InputError as error:
        alone = f"nerv360 view {file_name(clip.path)}"
        raise InputError(f"{error}, or open it alone: `{alone}`") from error
    return put_beside(scene, clip, remark)


def clip_sameness(header: SceneHeader, scene: Path, clip: Clip) -> str:
    """Return a phrase on how well a clip matches a scene's training clip; see `check_clip`."""
    reader = ClipReader(clip)
    try:
        return check_clip(
            clip.info,
            lambda at: reader.whole_picture(int(clip.shown[at])),
            clip.path,
            header,
            scene,
        )
    finally:
        reader.close()


def clip_source(clip: Clip, *, planes: bool = True) -> EngineSource:
    """Return the engine of a clip, which has no fallback."""
    return EngineSource([partial(ClipEngine, clip, planes=planes)])


def clip_cost(clip: Clip) -> Cost:
    """Return the cost of one picture of a clip."""
    return Cost(clip.info.width * clip.info.height, True, clip.peak_bytes)
