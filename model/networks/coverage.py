"""Coverage of a scene's still panorama by decoded pictures: their alpha, by comparison.

An alpha that a decoder drew from its own features would know nothing of what the still panorama
shows there, and learns to freeze the clip. One that comes from comparing the two pictures cannot:
what the decoder has learnt of a thing that moves differs from the still panorama, and is shown.
The comparison is of means over squares of about the decoder's softness, so that a soft picture of
the same content does not cover a sharp one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.geometry import pad_erp, sample_padded, viewport_grid

COMPARED_PANORAMA = 2
"""Pixels of the still panorama a side that a pixel of what viewports are compared with averages."""
_STEEPNESS = 100.0
_THRESHOLD = 0.03


class Coverage(nn.Module):
    """Alpha of a decoded picture: 0 where it shows the same as the still panorama, 1 where another
    thing, σ(100·k·(m − 0.03·τ)).

    m is the mean over colours of the absolute difference, averaged over 3×3 cells of
    ``comparison_cell`` pixels a side; k and τ are learnt.
    """

    def __init__(self, config: ModelConfig, *, full_frame: bool) -> None:
        super().__init__()
        self.cell = config.comparison_cell
        self.wrap = full_frame
        self.sharpness = nn.Parameter(torch.ones(()))
        self.threshold = nn.Parameter(torch.ones(()))

    def forward(self, picture: Tensor, compared: Tensor) -> Tensor:
        """Alpha N×1×H×W in [0, 1] of pictures N×3×H×W in [0, 1].

        Args:
            compared: the still panorama as the picture's cells see it, N×3×(H/cell)×(W/cell), by
                `compared_viewports` or `compared_frame`.
        """
        cells = F.avg_pool2d(picture.float(), self.cell)
        return self.of_cells(cells, compared, (picture.shape[-2], picture.shape[-1]))

    def of_cells(self, cells: Tensor, compared: Tensor, size: tuple[int, int]) -> Tensor:
        """As `forward`, from the means of a picture's cells, for a picture of ``size``."""
        difference = cells - compared
        if self.wrap:
            smooth = F.avg_pool2d(pad_erp(difference, 1), 3, stride=1)
        else:
            smooth = F.avg_pool2d(difference, 3, stride=1, padding=1, count_include_pad=False)
        apart = smooth.abs().mean(1, keepdim=True)
        gate = _STEEPNESS * self.sharpness * (apart - _THRESHOLD * self.threshold)
        return F.interpolate(gate.sigmoid(), size, mode="bilinear", align_corners=False)

    def compared_viewports(self, panorama: Tensor, look: Tensor, size: tuple[int, int]) -> Tensor:
        """What the cells of viewports of ``size``, height and width, are compared with.

        Args:
            panorama: of `compared_panorama`.
            look: float64 N×4 of yaw, pitch, roll and horizontal field of view in radians.
        """
        cells = (size[0] // self.cell, size[1] // self.cell)
        padded = (panorama.shape[-2], panorama.shape[-1])
        return sample_padded(panorama, viewport_grid(look, cells, padded))

    def compared_frame(self, still: Tensor) -> Tensor:
        """What the cells of a whole frame are compared with, of a still panorama 1×3×H×W."""
        return F.avg_pool2d(still, self.cell)


def compared_panorama(still: Tensor) -> Tensor:
    """A still panorama 1×3×H×W in [0, 1], halved and continued by one pixel a side across seam and
    poles, for `Coverage.compared_viewports`.
    """
    return pad_erp(F.avg_pool2d(still, COMPARED_PANORAMA), 1)


def composite(picture: Tensor, alpha: Tensor, still: Tensor) -> Tensor:
    """What is shown of decoded pictures N×3×H×W over the still panorama as they see it."""
    return torch.lerp(still, picture, alpha)
