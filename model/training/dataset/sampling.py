"""Sampling of looks and frames for training, and of held-out looks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.metrics import spread_frames
from nerv360.training.dataset.activity import look_towards

LOOKS_A_FRAME = 3


def random_looks(
    config: ModelConfig,
    count: int,
    seed: int,
    step: int,
    moving: tuple[float, Tensor] | None = None,
    covered: Tensor | None = None,
) -> Tensor:
    """Draw looks for one step, uniform on the sphere: float64 count×4 (yaw, pitch, roll, hfov).

    They depend only on the seed and the step, so that a resumed run draws the same as an unbroken
    one.

    Args:
        moving: share of the looks drawn towards motion instead, and weights of directions from
            `ActivityMap.weights`.
        covered: weights of directions from `covered_directions`, for the other looks; None for the
            whole sphere.
    """
    generator = torch.Generator().manual_seed((seed << 32) + step)
    draws = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    yaw = (draws[:, 0] * 2 - 1) * math.pi
    pitch = torch.asin(draws[:, 1] * 2 - 1)
    hfov = math.radians(config.hfov_deg) * (1 + config.hfov_jitter * (draws[:, 2] * 2 - 1))
    if covered is not None:
        for index in range(count):
            yaw[index], pitch[index] = look_towards(covered, generator, float(hfov[index]))
    if moving is not None:
        share, weights = moving
        for index in range(count):
            if float(torch.rand((), generator=generator)) < share:
                towards = look_towards(weights, generator, float(hfov[index]))
                yaw[index], pitch[index] = towards
    return torch.stack([yaw, pitch, torch.zeros_like(yaw), hfov], -1)


def held_out_looks(
    config: ModelConfig, frames: int, count: int, coverage: Tensor | None = None
) -> tuple[list[int], Tensor]:
    """Return frames and looks (count×4, float64) for evaluation.

    Directions are a Fibonacci sphere, so they are evenly spread; frames are spread over the clip;
    the field of view is the configured one. `LOOKS_A_FRAME` looks share a frame, from different
    latitudes, because encoding or decoding a whole frame costs more than cutting a look from it.
    """
    yaw, pitch = _spread_directions(count)
    if coverage is not None:
        yaw, pitch = _covered(count, coverage)
    hfov = torch.full_like(yaw, math.radians(config.hfov_deg))
    looks = torch.stack([yaw, pitch, torch.zeros_like(yaw), hfov], -1)
    used = spread_frames(math.ceil(count / LOOKS_A_FRAME), frames)
    return [used[k % len(used)] for k in range(count)], looks


def _spread_directions(count: int) -> tuple[Tensor, Tensor]:
    """Return yaws and pitches of a Fibonacci sphere."""
    index = torch.arange(count, dtype=torch.float64)
    golden = (1 + math.sqrt(5)) / 2
    yaw = torch.remainder(index / golden, 1.0) * 2 * math.pi - math.pi
    return yaw, torch.asin(1 - 2 * (index + 0.5) / count)


def _covered(count: int, coverage: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions of ``count`` covered pixels, spread over their area."""
    height, width = coverage.shape
    finer = count
    while True:
        yaw, pitch = _spread_directions(finer)
        rows = ((0.5 - pitch / math.pi) * height).long().clamp(0, height - 1)
        columns = ((yaw / (2 * math.pi) + 0.5) * width).long().clamp(0, width - 1)
        inside = coverage[rows, columns].nonzero()[:, 0]
        if len(inside) >= count or finer > 64 * coverage.numel():
            break
        finer *= 2
    if not len(inside):
        return _spread_directions(count)
    chosen = inside[torch.arange(count) * len(inside) // count]
    return yaw[chosen], pitch[chosen]


def epoch_order(frames: int, seed: int, epoch: int) -> list[int]:
    """Return the frames of one epoch in random order."""
    generator = torch.Generator().manual_seed((seed << 32) + (1 << 31) + epoch)
    return [int(i) for i in torch.randperm(frames, generator=generator)]
