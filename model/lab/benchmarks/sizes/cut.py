"""Cuts a viewport from a decoded whole frame, as a player without a GPU would."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nerv360.geometry import Look, camera_rays, directions_to_angles


def cut_viewport(frame: Tensor, look: Look, size: tuple[int, int]) -> Tensor:
    """Sample an equirectangular frame bilinearly along a viewport's rays.

    Unlike `nerv360.geometry.sample_erp` it converts and pads only the pixels it needs, so a large
    frame takes no longer than a small one.

    Args:
        frame: height×width×4 uint8 RGBA, contiguous.
        size: height and width of the viewport in pixels.

    Returns:
        size×4 uint8 RGBA on the frame's device.
    """
    height, width = frame.shape[:2]
    rays = camera_rays(*size, look.half_extent, frame.device)
    x, y, z = torch.as_tensor(look.rotation(), dtype=torch.float32, device=frame.device).T
    # Rows and columns of rays are straight lines: cheaper than a product per pixel.
    directions = rays[:1, :, :1] * x + (rays[:, :1, 1:2] * y + z)
    longitude, latitude = directions_to_angles(directions)
    column = (longitude / (2 * math.pi) + 0.5) * width - 0.5
    row = (0.5 - latitude / math.pi) * height - 0.5
    left, top = column.floor(), row.floor()
    across, down = (column - left)[..., None], (row - top)[..., None]
    pixels = frame.view(torch.int32).reshape(-1)
    i = left.long()
    columns = (i % width, (i + 1) % width)
    upper, lower = (
        torch.lerp(_bytes(pixels[first]), _bytes(pixels[second]), across)
        for first, second in (
            _places(j, columns, height, width) for j in (top.long(), top.long() + 1)
        )
    )
    return torch.lerp(upper, lower, down).add_(0.5).to(torch.uint8)


def _places(
    row: Tensor, columns: tuple[Tensor, Tensor], height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return the indices of the pixels of one row in two columns."""
    beyond = (row < 0) | (row >= height)
    first = row.clamp(0, height - 1) * width
    if not beyond.any():
        return first + columns[0], first + columns[1]
    # Beyond a pole lies the opposite meridian.
    turn = beyond * (width // 2)
    return first + (columns[0] + turn) % width, first + (columns[1] + turn) % width


def _bytes(pixels: Tensor) -> Tensor:
    return pixels[..., None].contiguous().view(torch.uint8).float()
