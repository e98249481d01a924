"""A clip's pictures, in any order."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from nerv360.geometry import Look
from nerv360.metrics import cut_viewport, median_frames, temporal_median
from nerv360.video import Clip, ClipReader, VideoInfo, open_clip

_WHOLE = 0.999
"""Share of a viewport's pixel from which on it is one that the clip shows."""


class ClipPictures:
    """Random access to a clip, fast in rising order.

    The latest pictures and the still panorama stay in memory.

    Attributes:
        clip, info: as opened.
        coverage: which pixels of a picture the clip shows, height×width bool; None if all.
    """

    def __init__(self, clip: Clip | str | os.PathLike[str]) -> None:
        """Open the clip.

        Raises:
            InputError: it cannot be read.
        """
        self.clip = clip if isinstance(clip, Clip) else open_clip(clip)
        self.info: VideoInfo = self.clip.info
        known = self.clip.coverage
        self.coverage = None if known is None else torch.from_numpy(known)
        self._reader = ClipReader(self.clip)
        self._latest: tuple[int, Tensor] | None = None
        self._still: tuple[int, Tensor] | None = None

    def __getitem__(self, index: int) -> Tensor:
        """Return the picture of frame ``index``, uint8 height×width×3."""
        if not 0 <= index < self.info.frames:
            raise IndexError(index)
        number = int(self.clip.shown[index])
        if self._latest is None or self._latest[0] != number:
            self._latest = number, self._reader.whole_picture(number)
        return self._latest[1]

    def seen(self, look: Look, size: tuple[int, int]) -> Tensor | None:
        """Return which pixels of a viewport the clip shows, height×width bool; None if all."""
        if self.coverage is None:
            return None
        cut = cut_viewport(self.coverage[..., None].float(), look, *size)
        return cut[..., 0] > _WHOLE

    def still(self, frames: int) -> Tensor:
        """Return the temporal median of the first ``frames`` pictures; it is cached."""
        if self._still is None or self._still[0] != frames:
            wanted = median_frames(frames, 3 * self.info.width * self.info.height)
            self._still = frames, temporal_median([self[index] for index in wanted])
        return self._still[1]


def seen_pixels(seen: Tensor | None, *pictures: Tensor) -> list[Tensor]:
    """Return the pixels of height×width×3 ``pictures`` that a clip shows, 1×pixels×3."""
    if seen is None:
        return list(pictures)
    return [picture[seen][None] for picture in pictures]
