"""Parts of a clip in which something moves: what a still panorama would show otherwise."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from model.geometry import erp_angles
from model.metrics import THRESHOLD, spread_frames
from model.training.material.dataset import ClipFrames

_CELL = 16
"""Side in pixels of the squares that are looked at as one."""
_NOISE = 0.02
"""Difference, averaged over a square, that a camera's noise and a codec may make."""
_SURVEYED = 12


class ActivityMap:
    """Shares of every frame's motion by direction, computed when they are first asked for."""

    def __init__(self, frames: ClipFrames, still: Tensor) -> None:
        """For a still panorama height×width×3 uint8 of the frames' size."""
        self._frames = frames
        self._still = _cells(still)
        self._known: dict[int, Tensor | None] = {}

    def weights(self, index: int) -> Tensor | None:
        """Weights of directions, rows×columns of an ERP frame, which sum to 1: how far frame
        ``index`` differs from the still panorama there; None where it does not.
        """
        if index not in self._known:
            apart = (_cells(self._frames.picture(index)) - self._still).abs().amax(0)
            _, latitude = erp_angles(*apart.shape)
            moving = torch.where(apart > _NOISE, apart, 0) * latitude.cos()[:, None]
            total = moving.sum()
            self._known[index] = moving / total if float(total) > 0 else None
        return self._known[index]


def still_share(frames: ClipFrames) -> float:
    """Share of the sphere, 0 to 1, that shows the clip's temporal median, on average over frames
    spread over it.
    """
    still = frames.still_bytes()
    _, latitude = erp_angles(still.shape[0], still.shape[1])
    area = latitude.cos()[:, None].expand(still.shape[:2])
    if frames.coverage is not None:
        area = area * frames.coverage
    area = area / area.sum()
    shares = []
    for index in spread_frames(_SURVEYED, len(frames)):
        apart = (frames.picture(index).int() - still.int()).abs().amax(-1)
        shares.append(float(((apart <= 255 * THRESHOLD) * area).sum()))
    return sum(shares) / len(shares)


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
    """Yaw and pitch in radians of a direction drawn by ``weights``, which is somewhere in the inner
    half of a viewport of ``hfov`` around them.
    """
    rows, columns = weights.shape
    cell = int(torch.multinomial(weights.flatten(), 1, generator=generator))
    row, column = divmod(cell, columns)
    aside = (torch.rand(2, generator=generator, dtype=torch.float64) - 0.5) * (hfov / 2)
    yaw = ((column + 0.5) / columns - 0.5) * 2 * math.pi + float(aside[0])
    pitch = (0.5 - (row + 0.5) / rows) * math.pi + float(aside[1]) * 9 / 16
    return yaw, min(max(pitch, -math.pi / 2), math.pi / 2)


def _cells(picture: Tensor) -> Tensor:
    """Means of the squares of height×width×3 uint8, 3×rows×columns in [0, 1]."""
    planes = picture.permute(2, 0, 1)[None].float()
    cell = min(_CELL, *picture.shape[:2])
    return F.avg_pool2d(planes, cell)[0] / 255
