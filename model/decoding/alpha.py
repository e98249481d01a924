"""Alpha of decoded pictures over the still panorama, for engines that run torch's operators."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from model.networks import Architecture, Coverage, compared_panorama

Projection = Callable[[Tensor, tuple[int, int]], Tensor]
"""Samples of ERP features that `model.geometry.pad_erp` widened by one pixel a side, 1×c×H×W, at
the pixel centres of the present look's viewport of a height and width."""


class AlphaSource:
    """Alpha of a network's pictures over one still panorama."""

    def __init__(self, coverage: Coverage, still: Tensor, *, full_frame: bool) -> None:
        """For a still panorama height×width×3 uint8, on the device of ``coverage``."""
        planes = still.permute(2, 0, 1)[None].float() / 255
        self._coverage = coverage
        self._full_frame = full_frame
        self._still = coverage.compared_frame(planes) if full_frame else compared_panorama(planes)

    @classmethod
    def of(cls, network: Architecture, still: Tensor | None) -> AlphaSource | None:
        """That of a network's pictures; nothing for one that covers no still panorama."""
        if network.coverage is None or still is None:
            return None
        return cls(network.coverage, still, full_frame=network.full_frame)

    def __call__(self, picture: Tensor, project: Projection) -> Tensor:
        """Alpha 1×1×H×W in [0, 1] of a picture 1×3×H×W, float32 in [0, 1]; further channels of it
        are ignored.
        """
        cells = F.avg_pool2d(picture, self._coverage.cell)[:, :3]
        size = (picture.shape[-2], picture.shape[-1])
        there = (cells.shape[-2], cells.shape[-1])
        still = self._still if self._full_frame else project(self._still, there)
        return self._coverage.of_cells(cells, still, size)


def alpha_of(source: AlphaSource | None, project: Projection) -> Callable[[Tensor], Tensor] | None:
    """Alpha of pictures as the present look's ``project`` samples the still panorama; nothing
    without one.
    """
    return None if source is None else lambda picture: source(picture, project)
