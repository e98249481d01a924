"""Clips as open scenes, whose one decoder is the clip's own codec."""

from __future__ import annotations

from functools import partial

import torch

from model.decoding import ClipEngine
from model.devices import free_bytes
from model.video import VideoIndex, check_equirectangular
from viewer.decode.open_scene import Cost, EngineSource, OpenScene
from viewer.text import printable_name

ORIGINAL = "original"
"""Name of the decoder that is the clip itself."""


def prepare_clip(index: VideoIndex) -> OpenScene:
    """A clip that is shown alone; what had to be assumed of its rate is the scene's remark.

    Raises:
        InputError: it is not, or not known to be, equirectangular.
    """
    check_equirectangular(index.layout, index.path)
    name, info = printable_name(index.path), index.info
    return OpenScene(
        title=name,
        frames=info.frames,
        fps=info.fps,
        size=(info.height, info.width),
        decoders=(ORIGINAL,),
        source=lambda decoder: clip_source(index),
        cost=lambda decoder: clip_cost(index),
        free_bytes=lambda: free_bytes(torch.device("cpu")),
        remark=f"{name}: {info.note}." if info.note else None,
    )


def clip_source(index: VideoIndex) -> EngineSource:
    """The engine of a clip; there is no other to fall back to."""
    return EngineSource([partial(ClipEngine, index)])


def clip_cost(index: VideoIndex) -> Cost:
    """Cost of one picture of a clip."""
    return Cost(index.info.width * index.info.height, True, index.peak_bytes)
