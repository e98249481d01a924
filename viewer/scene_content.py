"""A scene file as the application's content."""

from __future__ import annotations

from pathlib import Path

import torch

from model.decoding import open_engine
from model.devices import choose_device
from model.errors import InputError
from model.scene import Scene, read_scene
from viewer.content import Content
from viewer.decode_worker import Source

_FILL_VIEW = (224, 224)
DEMO = Path(__file__).resolve().parent.parent / "assets" / "demo.safetensors"


def scene_content(path: Path, device: str = "auto") -> Content:
    """The scene at ``path``, its decoders opened on ``device`` when they are needed.

    Raises:
        InputError: it cannot be read, or there is no such device.
    """
    chosen = choose_device(device)
    scene = read_scene(path)
    names = sorted(scene.decoders, key=lambda name: (name != "nerv360", name))
    return Content(
        title=scene.material.title or path.stem,
        frames=scene.frames,
        fps=scene.fps,
        size=(scene.height, scene.width),
        decoders=tuple(names),
        source=lambda decoder: scene_source(scene, decoder, chosen),
    )


def scene_source(scene: Scene, decoder: str, device: torch.device) -> Source:
    """Engines of one decoder of a scene: the best there is, then plainer ones."""
    config = scene.decoders[decoder].config
    engines = [
        lambda kind=kind: open_engine(scene, decoder, device, kind=kind)
        for kind in ("auto", "eager")
    ]
    if config.full_frame:
        return Source(engines)
    return Source(
        engines, lambda: open_engine(scene, decoder, device, size=_FILL_VIEW, kind="eager")
    )


def check_decoder(content: Content, decoder: str) -> None:
    """Refuse a decoder that the content does not have.

    Raises:
        InputError: with the names of those it has.
    """
    if decoder not in content.decoders:
        names = ", ".join(content.decoders)
        raise InputError(f"--decoder {decoder}: {content.title!r} has {names}")
