"""A clip as an engine, so that it can be shown and measured like a decoder."""

from __future__ import annotations

import math
import time

import torch

from nerv360.decoding.engine import Picture, engine_repr
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

    def __init__(self, clip: Clip) -> None:
        """Open the clip.

        Raises:
            InputError: it can no longer be read.
        """
        self.name = f"PyAV, {clip.codec}"
        self.device = torch.device("cpu")
        self.size = (clip.info.height, clip.info.width)
        self._reader = ClipReader(clip)

    def decode(self, look: Look, frame: int) -> Picture:
        started = time.perf_counter()
        pixels = self._reader.frame(frame)
        return Picture(pixels, Look(), frame, True, time.perf_counter() - started)
