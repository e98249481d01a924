"""View consistency of decoded pictures while the view turns: shimmer and seam.

A rectilinear picture of a still sphere, seen in a slightly different direction, is a rotation of
the same picture. After that rotation, any difference between two decodings is the decoder's own
shimmer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry import Look, viewport_directions
from nerv360.metrics import decibels, unit
from nerv360.reprojection import project

STEP_DEG = 0.25
WITHIN = 0.98  # beyond, bicubic interpolation would read past the border
PITCHES_DEG = (-40.0, 0.0, 40.0)
YAWS_DEG = (-135.0, -90.0, -45.0, 0.0, 45.0, 90.0, 135.0)

ViewFunction = Callable[[Look, int], Tensor]
"""Decodes a look and a frame to a level picture, height×width×3, uint8 or in [0, 1]."""


class ViewConsistency(NamedTuple):
    """Agreement of decodings `STEP_DEG` apart, in dB of PSNR; higher is more consistent.

    Attributes:
        shimmer_db: for pairs of looks away from ±180°.
        seam_db: for pairs of looks on both sides of ±180°.
    """

    shimmer_db: float
    seam_db: float


def measure_view_consistency(view: ViewFunction, frames: list[int], hfov: float) -> ViewConsistency:
    """Measure both numbers over ``frames``, at three pitches.

    Args:
        view: decodes pictures of one size.
        frames: indices of the frames to decode.
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
    """Return the mean squared difference of the pictures half a step left and right of ``middle``.

    Relative to a full scale of 1. Both are rotated to ``middle``, so that interpolation blurs both
    equally, and compared where they overlap.
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
