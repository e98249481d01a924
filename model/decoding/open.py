"""Choosing the engine for a scene and a device."""

from __future__ import annotations

import torch

from model.config import ModelConfig
from model.decoding.eager import EagerEngine, FoldedEngine
from model.decoding.protocol import Engine
from model.devices import choose_device
from model.errors import InputError
from model.scene import Scene

ENGINES = ("auto", "eager", "folded")


def open_engine(
    scene: Scene,
    decoder: str,
    device: str | torch.device = "auto",
    size: tuple[int, int] | None = None,
    kind: str = "auto",
) -> Engine:
    """An engine for one decoder of a scene.

    Args:
        size: height and width of a viewport in pixels, brought to the nearest multiple of the
            strides' product; the trained size by default. A full-frame decoder has only its own.

    Raises:
        InputError: the scene has no such decoder, or there is no such device or engine.
    """
    if decoder not in scene.decoders:
        raise InputError(
            f"--decoder {decoder}: the scene has only {', '.join(sorted(scene.decoders))}"
        )
    if kind not in ENGINES:
        raise InputError(f"--engine must be one of {', '.join(ENGINES)}, not {kind!r}")
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    stored = scene.decoders[decoder]
    pixels = picture_size(stored.config, size)
    if kind == "folded" and stored.config.full_frame:
        raise InputError(f"--engine folded: it decodes viewports, and {decoder} whole frames")
    if kind == "folded" or (
        kind == "auto" and chosen.type == "cpu" and not stored.config.full_frame
    ):
        return FoldedEngine(stored, chosen, pixels)
    return EagerEngine(stored, chosen, pixels)


def picture_size(config: ModelConfig, size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``."""
    if config.full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width
