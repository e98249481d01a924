"""A clip as an engine, so that it can be shown and measured like a decoder."""

from __future__ import annotations

import math
import time

import torch

from nerv360.decoding.engine import Picture, PlanesPicture, engine_repr
from nerv360.geometry import Look
from nerv360.video import Clip, ClipReader


class ClipEngine:
    """Engine that decodes whole frames of a video by its own codec; it ignores the look."""

    hfov_range = (0.0, math.pi)
    full_frame = True
    ring = 1 << 30  # every picture has its own pixels
    precision = torch.uint8
    still: torch.Tensor | None = None
    __repr__ = engine_repr

    def __init__(self, clip: Clip, *, planes: bool = False) -> None:
        """Open the clip.

        Args:
            planes: its pictures are `PlanesPicture` if the file stores them as they are shown.

        Raises:
            InputError: it can no longer be read.
        """
        self.name = f"PyAV, {clip.codec}"
        self.device = torch.device("cpu")
        self.size = (clip.info.height, clip.info.width)
        self._reader = ClipReader(clip)
        self._gives_planes = planes

    def decode(self, look: Look, frame: int) -> Picture:
        started = time.perf_counter()
        planes = self._reader.planes(frame) if self._gives_planes else None
        if planes is None:
            pixels = self._reader.frame(frame)
            return Picture(pixels, Look(), frame, True, time.perf_counter() - started)
        empty, seconds = torch.empty(0), time.perf_counter() - started
        return PlanesPicture(empty, Look(), frame, True, seconds, planes=planes)
