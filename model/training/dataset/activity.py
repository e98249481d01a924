"""Parts of a clip that move and differ from the still panorama."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry import erp_angles
from nerv360.metrics import THRESHOLD, spread_frames
from nerv360.training.dataset.clip_frames import ClipFrames, StillShares

_CELL = 16
"""Side in pixels of the squares that are averaged."""
_NOISE = 0.02
"""Difference, averaged over a square, that camera noise and codecs may cause."""
_SURVEYED = 12
_HORIZON = math.radians(25)
"""Half the height of a viewport of the usual field of view."""


class ActivityMap:
    """Shares of every frame's motion by direction, computed on demand."""

    def __init__(self, frames: ClipFrames, still: Tensor) -> None:
        """Create it for a still panorama height×width×3 uint8 of the frames' size."""
        self._frames = frames
        self._still = _cells(still)
        self._known: dict[int, Tensor | None] = {}

    def weights(self, index: int) -> Tensor | None:
        """Return weights of directions, rows×columns of an ERP frame with sum 1.

        They are the differences of frame ``index`` from the still panorama; None if there is none.
        """
        if index not in self._known:
            apart = (_cells(self._frames.picture(index)) - self._still).abs().amax(0)
            _, latitude = erp_angles(*apart.shape)
            moving = torch.where(apart > _NOISE, apart, 0) * latitude.cos()[:, None]
            total = moving.sum()
            self._known[index] = moving / total if float(total) > 0 else None
        return self._known[index]


def still_shares(frames: ClipFrames) -> StillShares:
    """Return how much of a clip stands still, 0 to 1, as means over evenly spread frames.

    The band around the horizon is as high as a viewport, because people look there. The result is
    kept in ``frames``.
    """
    if frames.still_shares is not None:
        return frames.still_shares
    still = frames.still_bytes()
    _, latitude = erp_angles(still.shape[0], still.shape[1])
    area = latitude.cos()[:, None].expand(still.shape[:2])
    if frames.coverage is not None:
        area = area * frames.coverage
    band = area * (latitude.abs() <= _HORIZON)[:, None]
    sums = torch.zeros(2)
    for index in spread_frames(_SURVEYED, len(frames)):
        apart = (frames.picture(index).int() - still.int()).abs().amax(-1)
        stands = apart <= 255 * THRESHOLD
        sums += torch.stack([area[stands].sum() / area.sum(), band[stands].sum() / band.sum()])
    shares = (sums / len(spread_frames(_SURVEYED, len(frames)))).clamp(max=1)
    # Without a covered pixel around the horizon only the sphere counts.
    sphere, horizon = (float(share) for share in torch.where(shares.isnan(), shares[0], shares))
    frames.still_shares = StillShares(sphere, horizon)
    return frames.still_shares


def covered_directions(coverage: Tensor) -> Tensor:
    """Return weights of directions, rows×columns, which sum to 1: the covered area of each cell.

    Args:
        coverage: H×W bool.
    """
    cell = min(_CELL, *coverage.shape)
    covered = F.avg_pool2d(coverage[None, None].float(), cell)[0, 0]
    weights = covered * erp_angles(*covered.shape)[1].cos()[:, None]
    return weights / weights.sum()


def look_towards(weights: Tensor, generator: torch.Generator, hfov: float) -> tuple[float, float]:
    """Draw a direction by ``weights`` and return a look close to it: yaw and pitch in radians.

    The direction is in the inner half of the look's viewport of ``hfov``.
    """
    rows, columns = weights.shape
    cell = int(torch.multinomial(weights.flatten(), 1, generator=generator))
    row, column = divmod(cell, columns)
    aside = (torch.rand(2, generator=generator, dtype=torch.float64) - 0.5) * (hfov / 2)
    yaw = ((column + 0.5) / columns - 0.5) * 2 * math.pi + float(aside[0])
    pitch = (0.5 - (row + 0.5) / rows) * math.pi + float(aside[1]) * 9 / 16
    return yaw, min(max(pitch, -math.pi / 2), math.pi / 2)


def _cells(picture: Tensor) -> Tensor:
    """Average the squares of height×width×3 uint8: 3×rows×columns in [0, 1]."""
    planes = picture.permute(2, 0, 1)[None].float()
    cell = min(_CELL, *picture.shape[:2])
    return F.avg_pool2d(planes, cell)[0] / 255
