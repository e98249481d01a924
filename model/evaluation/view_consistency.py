"""View consistency of decoded pictures while the view turns: shimmer and seam.

A rectilinear picture of a still sphere, seen from a slightly other direction, is a rotation of the
same picture. What two decodings disagree in after that rotation is the decoder's own shimmer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.geometry import Look, viewport_directions
from model.metrics import decibels, unit
from model.reprojection import project

STEP_DEG = 0.25
WITHIN = 0.98  # farther out, bicubic interpolation would read beyond the border
PITCHES_DEG = (-40.0, 0.0, 40.0)
YAWS_DEG = (-135.0, -90.0, -45.0, 0.0, 45.0, 90.0, 135.0)

ViewFunction = Callable[[Look, int], Tensor]
"""The level picture, height×width×3, uint8 or in [0, 1], that a look and a frame decode to."""


@dataclass(frozen=True)
class ViewConsistency:
    """Agreement of decodings `STEP_DEG` apart, in dB of PSNR; higher is more consistent.

    Attributes:
        shimmer_db: for pairs of looks anywhere but at ±180°.
        seam_db: for pairs of looks on both sides of ±180°.
    """

    shimmer_db: float
    seam_db: float


def measure_view_consistency(view: ViewFunction, frames: list[int], hfov: float) -> ViewConsistency:
    """Measure both numbers over ``frames``, at three pitches.

    Args:
        view: decodes pictures of one size.
        frames: indices of the frames that are looked at.
        hfov: field of view of the looks, radians.
    """

    def errors(yaws_deg: tuple[float, ...]) -> float:
        pairs = [
            disagreement(view, Look(math.radians(yaw), math.radians(pitch), 0.0, hfov), frame)
            for frame in frames
            for pitch in PITCHES_DEG
            for yaw in yaws_deg
        ]
        return sum(pairs) / len(pairs)

    return ViewConsistency(decibels(errors(YAWS_DEG)), decibels(errors((180.0,))))


def disagreement(view: ViewFunction, middle: Look, frame: int, step_deg: float = STEP_DEG) -> float:
    """Mean squared difference, of a full scale of 1, of the pictures half a step to the left and
    to the right of ``middle``.

    Both are rotated to ``middle``, so that interpolation blurs them alike, and compared where
    both reach.
    """
    half = math.radians(step_deg) / 2
    rotated, reached = [], []
    for yaw in (middle.yaw - half, middle.yaw + half):
        look = Look(yaw, middle.pitch, 0.0, middle.hfov)
        picture = unit(view(look, frame))
        height, width = picture.shape[:2]
        directions = viewport_directions(middle, height, width, picture.device)
        place, inside = project(directions, look, height, width)
        planes = picture.permute(2, 0, 1)[None]
        rotated.append(
            F.grid_sample(planes, place[None], "bicubic", "border", align_corners=False)[0]
        )
        reached.append(inside & (place.abs().amax(-1) < WITHIN))
    difference = (rotated[0] - rotated[1]).square().mean(0)
    both = reached[0] & reached[1]
    return float(difference[both].mean(dtype=torch.float64))
