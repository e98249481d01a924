"""A scene file as the application's content."""

from __future__ import annotations

import math
from pathlib import Path

from model.decoding import open_engine
from model.errors import InputError
from model.scene import Scene, read_scene
from viewer.content import Content
from viewer.decode_worker import Source

_FILL_PIXELS = 224
DEMO = Path(__file__).resolve().parent.parent / "assets" / "demo.safetensors"


def scene_content(path: Path, device: str = "auto") -> Content:
    """The scene at ``path``, its decoders opened on ``device`` when they are needed.

    Raises:
        InputError: it cannot be read.
    """
    scene = read_scene(path)
    names = sorted(scene.decoders, key=lambda name: (name != "nerv360", name))
    return Content(
        title=scene.material.title or path.stem,
        frames=scene.frames,
        fps=scene.fps,
        size=(scene.height, scene.width),
        decoders=tuple(names),
        source=lambda decoder: scene_source(scene, decoder, device),
    )


def scene_source(scene: Scene, decoder: str, device: str) -> Source:
    """Engines of one decoder of a scene: the best there is, then plainer ones."""
    config = scene.decoders[decoder].config
    engines = [
        lambda kind=kind: open_engine(scene, decoder, device, kind=kind)
        for kind in ("auto", "eager")
    ]
    if config.architecture != "nerv360":
        return Source(engines)
    unit = math.prod(config.strides)
    side = unit * max(1, round(_FILL_PIXELS / unit))
    return Source(
        engines, lambda: open_engine(scene, decoder, device, size=(side, side), kind="eager")
    )


def check_decoder(content: Content, decoder: str) -> None:
    """Refuse a decoder that the content does not have.

    Raises:
        InputError: with the names of those it has.
    """
    if decoder not in content.decoders:
        names = ", ".join(content.decoders)
        raise InputError(f"--decoder {decoder}: {content.title!r} has {names}")
