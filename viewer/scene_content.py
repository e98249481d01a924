"""A scene as the application's content."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from model.decoding import open_engine
from model.scene import Scene
from viewer.content import Content
from viewer.decode_worker import Source

DEMO = Path(__file__).resolve().parent.parent / "assets" / "demo.safetensors"
_FILL_VIEW = (224, 224)


def scene_content(scene: Scene, path: Path, device: torch.device) -> Content:
    """``scene``, read from ``path``, its decoders opened on ``device`` when they are needed."""
    names = sorted(scene.decoders, key=lambda name: (name != "nerv360", name))
    return Content(
        title=scene.material.title or path.stem,
        frames=scene.frames,
        fps=scene.fps,
        size=(scene.height, scene.width),
        decoders=tuple(names),
        source=lambda decoder: scene_source(scene, decoder, device),
    )


def scene_source(scene: Scene, decoder: str, device: torch.device) -> Source:
    """Engines of one decoder of a scene: the best there is, then plainer ones."""
    ladder = [(device, "auto"), (device, "eager")]
    if device.type != "cpu":
        ladder.append((torch.device("cpu"), "eager"))
    engines = [partial(open_engine, scene, decoder, where, kind=kind) for where, kind in ladder]
    if scene.decoders[decoder].config.full_frame:
        return Source(engines)
    fill = partial(open_engine, scene, decoder, device, size=_FILL_VIEW)
    return Source(engines, fill)
