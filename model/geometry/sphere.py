"""Rays of viewports, and sampling of equirectangular (ERP) frames."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from model.geometry.look import Look


def camera_rays(
    height: int,
    width: int,
    tan_half_hfov: Tensor | float,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Rays through the pixel centres of a rectilinear picture, height×width×3, z = 1."""
    x, y = _ray_axes(height, width, device, dtype)
    grid_y, grid_x = torch.meshgrid(y * tan_half_hfov, x * tan_half_hfov, indexing="ij")
    return torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1)


def _ray_axes(
    height: int, width: int, device: torch.device | str | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Columns' x and rows' y of `camera_rays`, where the tangent is 1."""
    x = (torch.arange(width, device=device, dtype=dtype) + 0.5) / width * 2 - 1
    y = 1 - (torch.arange(height, device=device, dtype=dtype) + 0.5) / height * 2
    return x, y * (height / width)


def rotation_tensor(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """`Look.rotation` for tensors of any one shape …: …×3×3, on their device."""
    cy, sy, cp, sp = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    cr, sr = roll.cos(), roll.sin()
    zero = torch.zeros_like(yaw)
    forward = torch.stack([cp * cy, sp, -cp * sy], -1)
    level_right = torch.stack([-sy, zero, -cy], -1)
    level_up = torch.stack([-sp * cy, cp, sp * sy], -1)
    right = cr[..., None] * level_right - sr[..., None] * level_up
    up = cr[..., None] * level_up + sr[..., None] * level_right
    return torch.stack([right, up, forward], -1)


def viewport_directions(
    look: Look, height: int, width: int, device: torch.device | str | None = None
) -> Tensor:
    """World directions (not normalised) of a viewport's pixel centres, height×width×3, float32."""
    rays = camera_rays(height, width, math.tan(look.hfov / 2), device, torch.float64)
    rotation = torch.as_tensor(look.rotation(), device=device)
    return (rays @ rotation.T).float()


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Context in which products on ``device`` keep their operands' precision.

    Autocast would multiply float32 rays and rotations in half precision, whose directions are
    pixels off; float64, as in `viewport_directions`, it leaves alone.
    """
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def directions_to_angles(directions: Tensor) -> tuple[Tensor, Tensor]:
    """Longitude in [−π, π] and latitude in [−π/2, π/2] of world directions …×3 of any length.

    Raises:
        TypeError: they are in half precision, which is pixels off.
    """
    if directions.dtype.itemsize < 4:
        raise TypeError(f"directions need float32 or float64, not {directions.dtype}")
    x, y, z = directions.unbind(-1)
    return torch.atan2(-z, x), torch.atan2(y, torch.hypot(x, z))


def angles_to_directions(longitude: Tensor, latitude: Tensor) -> Tensor:
    """Unit world directions …×3 of longitudes and latitudes of one shape."""
    cos_latitude = latitude.cos()
    return torch.stack(
        [
            cos_latitude * longitude.cos(),
            latitude.sin(),
            -cos_latitude * longitude.sin(),
        ],
        -1,
    )


def erp_angles(
    height: int, width: int, device: torch.device | str | None = None
) -> tuple[Tensor, Tensor]:
    """Longitudes (width) and latitudes (height) of an ERP frame's pixel centres, float32."""
    longitude = ((torch.arange(width, device=device) + 0.5) / width - 0.5) * (2 * math.pi)
    latitude = (0.5 - (torch.arange(height, device=device) + 0.5) / height) * math.pi
    return longitude, latitude


def erp_directions(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """Unit world directions of an ERP frame's pixel centres, height×width×3, float32."""
    longitude, latitude = erp_angles(height, width, device)
    grid = torch.meshgrid(latitude, longitude, indexing="ij")
    return angles_to_directions(grid[1], grid[0])


def pad_erp(x: Tensor, amount: int) -> Tensor:
    """Continue N×C×H×W features across ±180° and over the poles by ``amount`` pixels a side.

    Row −1−k is row k turned by 180°: beyond a pole one stands on the opposite meridian. An odd
    width has no exact opposite and takes the nearer of the two columns to its left.
    """
    if amount == 0:
        return x
    half = x.shape[-1] // 2
    top = x[..., :amount, :].flip(-2).roll(half, -1)
    bottom = x[..., -amount:, :].flip(-2).roll(half, -1)
    x = torch.cat([top, x, bottom], -2)
    return torch.cat([x[..., -amount:], x, x[..., :amount]], -1)


def erp_grid(longitude: Tensor, latitude: Tensor, height: int, width: int) -> Tensor:
    """Coordinates for `torch.nn.functional.grid_sample` (align_corners=False) in a frame of
    ``height``×``width`` that `pad_erp` widened by one pixel a side; shape …×2.
    """
    x = longitude * (width / (math.pi * (width + 2)))
    y = latitude * (-2 * height / (math.pi * (height + 2)))
    return torch.stack([x, y], -1)


def viewport_grid(look: Tensor, size: tuple[int, int], padded: tuple[int, int]) -> Tensor:
    """`erp_grid` of the pixel centres of viewports (paper, section 2.2).

    Args:
        look: float64 N×4 of yaw, pitch, roll and horizontal field of view.
        size: height and width of the viewports.
        padded: height and width of the widened frame, its padding included.

    Returns:
        Float64 N×size×2.
    """
    return erp_grid(*viewport_angles(look, size), padded[0] - 2, padded[1] - 2)


def viewport_angles(look: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Longitudes and latitudes, N×size, of the pixel centres of viewports of ``size``, height and
    width, for looks as `viewport_grid` has them, float64 or float32, and in their type.
    """
    x, y = (axis[None, None] for axis in _ray_axes(*size, look.device, look.dtype))
    scale = torch.tan(look[:, 3] / 2)[:, None, None]
    rotation = rotation_tensor(look[:, 0], look[:, 1], look[:, 2])
    # A direction is a sum of what its row and its column give: no product for each pixel.
    right, up, forward = (axis[..., None] for axis in rotation.unbind(-1))
    columns, rows = right * (x * scale), up * (y * scale) + forward
    directions = rows[..., None] + columns[:, :, None]
    return directions_to_angles(directions.movedim(1, -1))


def sample_erp(frame: Tensor, directions: Tensor) -> Tensor:
    """Bilinear samples of an ERP frame in world directions, with no seam and no pinch.

    Args:
        frame: N×C×H×W, floating point.
        directions: h×w×3 or N×h×w×3, float32 or float64, any length.

    Returns:
        N×C×h×w, of the frame's type, or float32 where that is narrower: so are the coordinates,
        which must be of the same type as what they sample.
    """
    if frame.dtype.itemsize < 4:
        frame = frame.float()
    longitude, latitude = directions_to_angles(directions)
    grid = erp_grid(longitude, latitude, frame.shape[-2], frame.shape[-1])
    if grid.dim() == 3:
        grid = grid.expand(frame.shape[0], *grid.shape)
    return sample_padded(pad_erp(frame, 1), grid)


def sample_padded(features: Tensor, grid: Tensor) -> Tensor:
    """Bilinear samples of ERP features that `pad_erp` widened by one pixel a side.

    Args:
        features: N×C×H×W, or one for all N grids.
        grid: N×h×w×2 of `erp_grid` or `viewport_grid`, on any device.

    Returns:
        N×C×h×w, of the features' type, or float32 where that is narrower: coordinates rounded to
        half precision are up to a sixteenth of a pixel off in a frame 256 wide, and half a pixel
        in bfloat16.
    """
    if features.dtype.itemsize < 4:
        features = features.float()
    if features.shape[0] != grid.shape[0]:
        features = features.expand(grid.shape[0], *features.shape[1:])
    return F.grid_sample(
        features,
        grid.to(features.device, features.dtype),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
