"""Alpha of decoded pictures over the still panorama."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry import pad_erp
from nerv360.networks import Architecture, Coverage, FrameCrop, compared_panorama
from nerv360.scene import Decoder, StillPanorama

Projection = Callable[[Tensor, tuple[int, int]], Tensor]
"""Samples ERP features, 1×c×H×W, at the pixel centres of the current look's viewport.

The features were widened by one pixel a side (`nerv360.geometry.pad_erp`); the second argument is
the viewport's height and width.
"""


class StillAlpha:
    """Alpha of a network's pictures over one still panorama.

    Attributes:
        coverage: the network's.
        still: result of `compared_still`.
        motion: maps of all frames, n×1×rows×columns uint8.
    """

    def __init__(self, network: Architecture, coverage: Coverage, still: StillPanorama) -> None:
        """Create it for pictures of ``network``, on its device."""
        device = next(network.parameters()).device
        self.coverage = coverage
        self._full_frame = network.full_frame
        pixels = still.pixels.to(device)
        self.still = compared_still(coverage, pixels, full_frame=network.full_frame)
        self._device, self.motion = device, still.motion[:, None]
        self._seen: tuple[int, Tensor] | None = None

    @classmethod
    def of(cls, network: Architecture, decoder: Decoder) -> StillAlpha | None:
        """Return the alpha of a decoder's pictures, or None without a still panorama."""
        if network.coverage is None or decoder.still is None:
            return None
        return cls(network, network.coverage, decoder.still)

    def __call__(
        self,
        picture: Tensor,
        frame: int,
        project: Projection,
        motion: Tensor | None = None,
        crop: FrameCrop | None = None,
    ) -> Tensor:
        """Return alpha 1×1×H×W in [0, 1] of a picture of ``frame``.

        Args:
            picture: 1×c×H×W, float32 in [0, 1]; only its first three channels are used.
            motion: `motion_at` of the cells of a viewport or whole frame, if it is known.
            crop: the part of a full-frame network's frame that it shows; None for all of it.
        """
        coverage = self.coverage
        cells = cell_means(picture, coverage.cell)[:, :3]
        there = (cells.shape[-2], cells.shape[-1])
        still = self.still if self._full_frame else project(self.still, there)
        if motion is None:
            motion = self.motion_at(frame, (still.shape[-2], still.shape[-1]), project)
        if crop is not None:
            still, motion = crop.cut(still), crop.cut(motion)
        return coverage.of_cells(cells, still, motion, (picture.shape[-2], picture.shape[-1]))

    def motion_at(self, frame: int, cells: tuple[int, int], project: Projection) -> Tensor:
        """Return a frame's motion 1×1×h×w in [0, 1] at the cells of a viewport or whole frame."""
        motion = self._motion_of(frame)
        if self._full_frame:
            return self.coverage.frame_motion(motion, cells)
        return project(motion, cells)

    def _motion_of(self, frame: int) -> Tensor:
        """Return a frame's motion map in [0, 1], widened for viewports; kept for the next look."""
        if self._seen is None or self._seen[0] != frame:
            motion = self.motion[frame : frame + 1].to(self._device).float() / 255
            self._seen = frame, motion if self._full_frame else pad_erp(motion, 1)
        return self._seen[1]


def cell_means(picture: Tensor, cell: int) -> Tensor:
    """Average squares of ``cell`` pixels a side: 1×c×H×W → 1×c×(H/cell)×(W/cell).

    For channels-last pictures whole rows are added, which takes a quarter of the time of torch's
    pooling.
    """
    pixels = picture[0].permute(1, 2, 0)
    if not pixels.is_contiguous():
        return F.avg_pool2d(picture, cell)
    height, width, channels = pixels.shape
    rows = _summed(pixels.view(height // cell, cell, width * channels))
    cells = _summed(rows.view(height // cell, width // cell, cell, channels))
    return cells.div_(cell**2).permute(2, 0, 1)[None]


def _summed(parts: Tensor) -> Tensor:
    """Sum over the second-last dimension."""
    first, *others = parts.unbind(-2)
    total = first.clone()
    for other in others:
        total += other
    return total


def compared_still(coverage: Coverage, still: Tensor, *, full_frame: bool) -> Tensor:
    """Prepare a still panorama height×width×3 uint8 for comparisons: 1×3×h×w float32, same device.

    For whole frames the result is averaged over cells; for viewports it is as in
    `Coverage.compared_viewports`.
    """
    if not full_frame:
        return compared_panorama(still)
    return coverage.compared_frame(still.permute(2, 0, 1)[None].float() / 255)


def alpha_of(
    alpha: StillAlpha | None, frame: int, project: Projection, motion: Tensor | None = None
) -> Callable[[Tensor], Tensor] | None:
    """Return a function from pictures of ``frame`` to their alpha, or None without ``alpha``.

    Args:
        project: samples the still panorama for the current look.
        motion: as for `StillAlpha`.
    """
    return None if alpha is None else lambda picture: alpha(picture, frame, project, motion)
