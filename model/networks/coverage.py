"""Alpha of decoded pictures over a scene's still panorama, found by comparing the two.

A decoder that predicts alpha from its own features does not know the still panorama and learns to
freeze the clip. Alpha from a comparison cannot: a moving object that the decoder has learned
differs from the still panorama and is shown.

Means over cells are compared, because a blurred picture of the same content should not cover a
sharp one; a cell is about as large as the decoder's blur. Small and thin objects vanish in such
means. So a motion map, which is measured and not learned, raises alpha where the clip moves.
Where the map is empty nothing differs from the still panorama, and alpha is 0: engines need not
decode there. Elsewhere the map's influence is bounded, so that a clear difference always shows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.geometry import pad_erp, sample_padded, viewport_grid

COMPARED_PANORAMA = 2
"""Pixels of the still panorama averaged along one side of each pixel of `compared_panorama`."""
STEEPNESS = 100.0
THRESHOLD = 0.03
BOUND = 4.0
"""Largest part of motion: without motion, a difference of 0.04 above the threshold still shows."""
MOTION_CELL = 8
"""Side in pixels of the cells of a motion map."""
MOTION_LEVELS = 32
MOST_MOTION = 0.25
_LEAST_MOTION = 0.02


class Coverage(nn.Module):
    """Alpha of a decoded picture: 0 if it equals the still panorama, 1 if it differs.

    Alpha is min(1, 128·a)·σ(100·k·(m − 0.03·τ) + 4·tanh(100·w·(a − 0.03·θ))). m is the absolute
    difference, averaged over the colours and over 3×3 cells of ``comparison_cell`` pixels a side; a
    is the `motion_map`, 0.25 at most; k, τ, w and θ are learned.
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
        """Return alpha N×1×H×W in [0, 1] of pictures N×3×H×W in [0, 1].

        Args:
            compared: the still panorama at the picture's cells, N×3×(H/cell)×(W/cell), from
                `compared_viewports` or `compared_frame`.
            motion: the motion map at the same cells, N×1×(H/cell)×(W/cell) in [0, 1].
        """
        cells = F.avg_pool2d(picture.float(), self.cell)
        return self.of_cells(cells, compared, motion, (picture.shape[-2], picture.shape[-1]))

    def of_cells(
        self, cells: Tensor, compared: Tensor, motion: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Return alpha of a picture of ``size`` from the means of its cells; see `forward`."""
        smoothed = _smoothed(cells - compared, wrap=self.wrap)
        alpha = self.of_difference(smoothed, motion)
        return F.interpolate(alpha, size, mode="bilinear", align_corners=False)

    def of_difference(self, smoothed: Tensor, motion: Tensor) -> Tensor:
        """Return alpha N×1×h×w of cells from their difference, N×3×h×w, averaged over 3×3 cells."""
        apart = smoothed.abs().mean(1, keepdim=True)
        gate = STEEPNESS * self.sharpness * (apart - THRESHOLD * self.threshold)
        above = MOST_MOTION * motion - THRESHOLD * self.motion_threshold
        gate = gate + BOUND * torch.tanh(STEEPNESS * self.motion_sharpness * above)
        return gate.sigmoid() * may_show(motion)

    def compared_viewports(self, panorama: Tensor, look: Tensor, size: tuple[int, int]) -> Tensor:
        """Sample the still panorama at the cells of viewports of ``size``, height and width.

        Args:
            panorama: from `compared_panorama`.
            look: float64 N×4 of yaw, pitch, roll and horizontal field of view in radians.
        """
        cells = (size[0] // self.cell, size[1] // self.cell)
        padded = (panorama.shape[-2], panorama.shape[-1])
        return sample_padded(panorama, viewport_grid(look, cells, padded))

    def compared_frame(self, still: Tensor) -> Tensor:
        """Average a still panorama 1×3×H×W over the cells of a whole frame."""
        return F.avg_pool2d(still, self.cell)

    def frame_motion(self, motion: Tensor, cells: tuple[int, int]) -> Tensor:
        """Resize a motion map 1×1×h×w to the cells of a whole frame, rows and columns."""
        return F.interpolate(motion, cells, mode="bilinear", align_corners=False)


def may_show(motion: Tensor) -> Tensor:
    """Return the largest alpha, 0 to 1, for a motion map in [0, 1].

    It is 0 where the map is empty, and 1 from the least motion on. Between two cells of the map it
    is continuous, so that engines agree at its edge.
    """
    return (MOTION_LEVELS * motion).clamp(max=1)


def _smoothed(x: Tensor, *, wrap: bool) -> Tensor:
    """Average N×C×H×W over 3×3 pixels; takes a quarter of the time of torch's pooling on a CPU.

    Args:
        wrap: continue the sphere beyond the borders; otherwise average only the pixels inside.
    """
    if wrap:
        return _sums(pad_erp(x, 1)) / 9
    present = x.new_ones(x.shape[-2:])
    return _sums(F.pad(x, (1, 1, 1, 1))) / _sums(F.pad(present, (1, 1, 1, 1)))


def _sums(x: Tensor) -> Tensor:
    """Sum every 3×3 pixels of …×H×W: …×(H−2)×(W−2)."""
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    return x[..., :-2] + x[..., 1:-1] + x[..., 2:]


def compared_panorama(still: Tensor) -> Tensor:
    """Prepare a still panorama height×width×3 uint8 for `Coverage.compared_viewports`.

    It is halved, scaled to [0, 1], and continued by one pixel a side across seam and poles:
    1×3×h×w float32.
    """
    height, width = (side // COMPARED_PANORAMA * COMPARED_PANORAMA for side in still.shape[:2])
    whole = still[:height, :width]
    # Whole numbers are added in a seventh of the time of torch's pooling on a CPU.
    rows = whole[::2].to(torch.int16) + whole[1::2]
    halved = (rows[:, ::2] + rows[:, 1::2]).permute(2, 0, 1)[None].float()
    return pad_erp(halved / (255 * COMPARED_PANORAMA**2), 1)


def motion_size(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of the motion map of a frame."""
    return max(1, height // MOTION_CELL), max(1, width // MOTION_CELL)


def motion_map(frame: Tensor, still: Tensor) -> Tensor:
    """Compute the motion in a frame 1×3×H×W in [0, 1] against its still panorama.

    Returns:
        rows×columns uint8; 255 is a difference of a quarter of full scale or more. Each value is
            the largest difference of a colour, averaged over quarter cells, in a cell and the
            quarter cells that touch it. To keep scene files small, values are rounded to
            `MOTION_LEVELS` levels, and differences as small as camera noise to 0.
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
    """Blend decoded pictures N×3×H×W over the still panorama as seen in them."""
    return torch.lerp(still, picture, alpha)
