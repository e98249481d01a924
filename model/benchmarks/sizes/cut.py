"""Viewport cut from a whole frame that is at hand, as a player without a GPU would."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model.geometry import Look, camera_rays, directions_to_angles


def cut_viewport(frame: Tensor, look: Look, size: tuple[int, int]) -> Tensor:
    """Bilinear samples of an equirectangular frame along a viewport's rays.

    Unlike `model.geometry.sample_erp` it converts and pads nothing but the pixels that it needs,
    and so takes as long for a large frame as for a small one.

    Args:
        frame: height×width×4 uint8 RGBA, contiguous.
        size: height and width of the viewport in pixels.

    Returns:
        size×4 uint8 RGBA on the frame's device.
    """
    height, width = frame.shape[:2]
    rays = camera_rays(*size, math.tan(look.hfov / 2), frame.device)
    rotation = torch.as_tensor(look.rotation(), dtype=torch.float32, device=frame.device)
    longitude, latitude = directions_to_angles(rays @ rotation.T)
    column = (longitude / (2 * torch.pi) + 0.5) * width - 0.5
    row = (0.5 - latitude / torch.pi) * height - 0.5
    left, top = column.floor(), row.floor()
    across, down = (column - left)[..., None], (row - top)[..., None]
    pixels = frame.view(torch.int32).reshape(-1)
    corners = []
    for j in (top.long(), top.long() + 1):
        beyond = (j < 0) | (j >= height)
        first = j.clamp(0, height - 1) * width
        # Beyond a pole one stands on the opposite meridian.
        turn = beyond * (width // 2)
        for i in (left.long(), left.long() + 1):
            corners.append(_bytes(pixels[first + (i + turn) % width]))
    upper = torch.lerp(corners[0], corners[1], across)
    lower = torch.lerp(corners[2], corners[3], across)
    return torch.lerp(upper, lower, down).add_(0.5).to(torch.uint8)


def _bytes(pixels: Tensor) -> Tensor:
    return pixels[..., None].contiguous().view(torch.uint8).float()
