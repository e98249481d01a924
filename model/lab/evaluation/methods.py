"""The compared methods: a scene's decoders, and the clip in a conventional codec."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from nerv360.clip_pictures import ClipPictures
from nerv360.decoding import Engine, Picture
from nerv360.geometry import Look
from nerv360.metrics import as_shown, cut_viewport
from nerv360.rendering import render_sphere, render_view
from nerv360.video import Clip

KEPT_BYTES = 512 * 2**20
"""Memory for cached whole frames: each frame of a short clip is decoded once for all paths."""


class Method(Protocol):
    """A method that shows views of the clip.

    Attributes:
        name: for tables and file names.
        bytes: its stored size.
        note: one line that describes it.
        key: plain JSON values that its results depend on, besides the scene.
    """

    name: str
    bytes: int

    @property
    def note(self) -> str: ...
    @property
    def key(self) -> dict[str, Any]: ...

    def view(self, look: Look, frame: int) -> Tensor:
        """Return a level viewport, height×width×3 uint8 on the CPU."""

    def sphere(self, frame: int) -> Tensor:
        """Return the whole sphere at the clip's size, height×width×3 uint8 on the CPU."""


class _KeptFrames:
    """Full-frame engine that caches decoded frames, up to `KEPT_BYTES`."""

    ring = 1

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[int, tuple[Picture, Tensor | None]] = {}
        self.name, self.device, self.size = engine.name, engine.device, engine.size
        self.hfov_range, self.full_frame = engine.hfov_range, engine.full_frame
        self.precision, self.still = engine.precision, engine.still

    def decode(self, look: Look, frame: int) -> Picture:
        if frame not in self._kept:
            picture = self._engine.decode(look, frame)
            picture = replace(picture, pixels=picture.pixels.clone())
            while (len(self._kept) + 1) * picture.pixels.nbytes > KEPT_BYTES and self._kept:
                del self._kept[next(iter(self._kept))]
            self._kept[frame] = picture, self._engine.still
        picture, self.still = self._kept[frame]
        return picture


@dataclass
class DecoderMethod:
    """A decoder of the scene, over its still panorama if it has one.

    A full-frame decoder decodes once per frame, and viewports are cut as from a clip.
    """

    name: str
    bytes: int
    engine: Engine
    size: tuple[int, int]
    frame_size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.engine.full_frame:
            self.engine = _KeptFrames(self.engine)

    @property
    def note(self) -> str:
        what = "whole frames" if self.engine.full_frame else "viewports"
        over = " over the still panorama" if self.engine.still is not None else ""
        height, width = self.engine.size
        return f"{what} of {width}×{height}{over}, {self.engine.name} engine"

    @property
    def key(self) -> dict[str, Any]:
        return {
            "method": self.name,
            "engine": self.engine.name,
            "device": self.engine.device.type,
            "picture": list(self.engine.size),
        }

    def view(self, look: Look, frame: int) -> Tensor:
        """Return a viewport; ``look`` must be one that the engine decodes unchanged."""
        low, high = self.engine.hfov_range
        if not self.engine.full_frame and not low <= look.hfov <= high:
            limits = " to ".join(f"{math.degrees(hfov):g}" for hfov in (low, high))
            raise ValueError(
                f"{self.name} decodes a horizontal field of view of {limits} degrees, not "
                f"{math.degrees(look.hfov):g}"
            )
        return render_view(self.engine, look, frame, *self.size).cpu()

    def sphere(self, frame: int) -> Tensor:
        return render_sphere(self.engine, frame, *self.frame_size).cpu()


@dataclass
class VideoMethod:
    """Whole frames of a video file, cut like the original: of a codec, or the original itself."""

    name: str
    bytes: int
    note: str
    clip: Path | Clip
    size: tuple[int, int]

    def __post_init__(self) -> None:
        self._pictures = ClipPictures(self.clip)

    @property
    def key(self) -> dict[str, Any]:
        return {"method": self.name, "bytes": self.bytes, "note": self.note}

    def view(self, look: Look, frame: int) -> Tensor:
        return as_shown(cut_viewport(self._pictures[frame], look, *self.size))

    def sphere(self, frame: int) -> Tensor:
        return self._pictures[frame]


def common_limits(engines: list[Engine]) -> tuple[float, float]:
    """Return the fields of view, radians, that all engines decode without re-projection."""
    ranges = [engine.hfov_range for engine in engines if not engine.full_frame]
    low = max((low for low, _ in ranges), default=0.05)
    high = min((high for _, high in ranges), default=2.8)
    return min(low, high), high
