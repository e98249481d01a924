"""Coverage of a scene's still panorama by decoded pictures: their alpha, by comparison.

An alpha that a decoder drew from its own features would know nothing of what the still panorama
shows there, and learns to freeze the clip. One that comes from comparing the two pictures cannot:
what the decoder has learnt of a thing that moves differs from the still panorama, and is shown.
The comparison is of means over squares of about the decoder's softness, so that a soft picture of
the same content does not cover a sharp one. Small and thin things vanish in such means: a map of
where the clip moves, measured and not learnt, opens alpha there and shuts it elsewhere, within
bounds that let a clear difference through wherever it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.geometry import pad_erp, sample_padded, viewport_grid

COMPARED_PANORAMA = 2
"""Pixels of the still panorama a side that a pixel of what viewports are compared with averages."""
STEEPNESS = 100.0
THRESHOLD = 0.03
BOUND = 4.0
"""Largest part of motion: a difference that is 0.04 above the threshold is shown without it."""
MOTION_CELL = 8
"""Side in pixels of the squares of a motion map."""
MOTION_LEVELS = 32
MOST_MOTION = 0.25
_LEAST_MOTION = 0.02


class Coverage(nn.Module):
    """Alpha of a decoded picture: 0 where it shows the same as the still panorama, 1 where another
    thing, σ(100·k·(m − 0.03·τ) + 4·tanh(100·w·(a − 0.03·θ))).

    m is the mean over colours of the absolute difference, averaged over 3×3 cells of
    ``comparison_cell`` pixels a side, and a the `motion_map`; k, τ, w and θ are learnt.
    """

    def __init__(self, config: ModelConfig, *, full_frame: bool) -> None:
        super().__init__()
        self.cell = config.comparison_cell
        self.wrap = full_frame
        self.sharpness = nn.Parameter(torch.ones(()))
        self.threshold = nn.Parameter(torch.ones(()))
        self.motion_sharpness = nn.Parameter(torch.ones(()))
        self.motion_threshold = nn.Parameter(torch.ones(()))

    def forward(self, picture: Tensor, compared: Tensor, motion: Tensor) -> Tensor:
        """Alpha N×1×H×W in [0, 1] of pictures N×3×H×W in [0, 1].

        Args:
            compared: the still panorama as the picture's cells see it, N×3×(H/cell)×(W/cell), by
                `compared_viewports` or `compared_frame`.
            motion: the motion map as they see it, N×1×(H/cell)×(W/cell) in [0, 1].
        """
        cells = F.avg_pool2d(picture.float(), self.cell)
        return self.of_cells(cells, compared, motion, (picture.shape[-2], picture.shape[-1]))

    def of_cells(
        self, cells: Tensor, compared: Tensor, motion: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """As `forward`, from the means of a picture's cells, for a picture of ``size``."""
        difference = cells - compared
        apart = _smoothed(difference, wrap=self.wrap).abs().mean(1, keepdim=True)
        gate = STEEPNESS * self.sharpness * (apart - THRESHOLD * self.threshold)
        above = MOST_MOTION * motion - THRESHOLD * self.motion_threshold
        gate = gate + BOUND * torch.tanh(STEEPNESS * self.motion_sharpness * above)
        return F.interpolate(gate.sigmoid(), size, mode="bilinear", align_corners=False)

    def compared_viewports(self, panorama: Tensor, look: Tensor, size: tuple[int, int]) -> Tensor:
        """The still panorama as cells of viewports of ``size``, height and width, compare with it.

        Args:
            panorama: of `compared_panorama`.
            look: float64 N×4 of yaw, pitch, roll and horizontal field of view in radians.
        """
        cells = (size[0] // self.cell, size[1] // self.cell)
        padded = (panorama.shape[-2], panorama.shape[-1])
        return sample_padded(panorama, viewport_grid(look, cells, padded))

    def compared_frame(self, still: Tensor) -> Tensor:
        """A still panorama 1×3×H×W as cells of a whole frame compare with it."""
        return F.avg_pool2d(still, self.cell)

    def frame_motion(self, motion: Tensor, cells: tuple[int, int]) -> Tensor:
        """A motion map 1×1×h×w as the cells of a whole frame see it, rows and columns of them."""
        return F.interpolate(motion, cells, mode="bilinear", align_corners=False)


def _smoothed(x: Tensor, *, wrap: bool) -> Tensor:
    """Means over the 3×3 around each of N×C×H×W, beyond whose borders the sphere goes on where
    they ``wrap``, and nothing counts elsewhere. A quarter of the time of torch's pooling on a CPU.
    """
    if wrap:
        return _sums(pad_erp(x, 1)) / 9
    present = x.new_ones(x.shape[-2:])
    return _sums(F.pad(x, (1, 1, 1, 1))) / _sums(F.pad(present, (1, 1, 1, 1)))


def _sums(x: Tensor) -> Tensor:
    """Sums over every 3×3 of …×H×W, …×(H−2)×(W−2)."""
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    return x[..., :-2] + x[..., 1:-1] + x[..., 2:]


def compared_panorama(still: Tensor) -> Tensor:
    """A still panorama 1×3×H×W in [0, 1], halved and continued by one pixel a side across seam and
    poles, for `Coverage.compared_viewports`.
    """
    return pad_erp(F.avg_pool2d(still, COMPARED_PANORAMA), 1)


def motion_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the motion map of a frame."""
    return max(1, height // MOTION_CELL), max(1, width // MOTION_CELL)


def motion_map(frame: Tensor, still: Tensor) -> Tensor:
    """Motion in a frame 1×3×H×W in [0, 1], against its still panorama: rows×columns uint8, 255 for
    a quarter of full scale and more.

    Each value is the largest difference of a colour, averaged over a quarter of a square, in the
    square and in what touches it. Values are rounded to `MOTION_LEVELS`, and what a camera's noise
    makes to none, for the sake of a scene file's bytes.
    """
    rows, columns = motion_size(frame.shape[-2], frame.shape[-1])
    apart = (
        F.adaptive_avg_pool2d(frame - still, (2 * rows, 2 * columns)).abs().amax(1, keepdim=True)
    )
    apart = torch.where(apart < _LEAST_MOTION, 0.0, apart / MOST_MOTION).clamp(max=1.0)
    largest = F.max_pool2d(pad_erp(apart, 1), 4, stride=2)[0, 0]
    steps = MOTION_LEVELS - 1
    return ((largest * steps).round() * (255 / steps)).round().to(torch.uint8)


def composite(picture: Tensor, alpha: Tensor, still: Tensor) -> Tensor:
    """Pictures that are shown of decoded ones, N×3×H×W, over the still panorama as they see it."""
    return torch.lerp(still, picture, alpha)
