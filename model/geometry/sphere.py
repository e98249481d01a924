"""Viewport rays, and sampling of equirectangular (ERP) frames."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry.look import Look


def camera_rays(
    height: int,
    width: int,
    tan_half_hfov: Tensor | float,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return rays through the pixel centres of a rectilinear picture, height×width×3, z = 1."""
    x, y = _ray_axes(height, width, device, dtype)
    grid_y, grid_x = torch.meshgrid(y * tan_half_hfov, x * tan_half_hfov, indexing="ij")
    return torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1)


def _ray_axes(
    height: int, width: int, device: torch.device | str | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return x of the columns and y of the rows of `camera_rays` for tan(hfov/2) = 1."""
    x = (torch.arange(width, device=device, dtype=dtype) + 0.5) / width * 2 - 1
    y = 1 - (torch.arange(height, device=device, dtype=dtype) + 0.5) / height * 2
    return x, y * (height / width)


def rotation_tensor(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Compute `Look.rotation` for tensors of one shape …: …×3×3, on their device."""
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
    """Return world directions (not normalised) of a viewport's pixel centres, height×width×3."""
    rays = camera_rays(height, width, look.half_extent, device, torch.float64)
    rotation = torch.as_tensor(look.rotation(), device=device)
    return (rays @ rotation.T).float()


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context without autocast, so that products on ``device`` keep their precision.

    Autocast would multiply float32 rays and rotations in half precision, which puts directions off
    by pixels. It leaves float64, as in `viewport_directions`, alone.
    """
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def directions_to_angles(directions: Tensor) -> tuple[Tensor, Tensor]:
    """Convert world directions …×3, of any length, to longitude and latitude.

    Returns:
        Longitude in [−π, π] and latitude in [−π/2, π/2].

    Raises:
        TypeError: they are in half precision, which would be off by pixels.
    """
    if directions.dtype.itemsize < 4:
        raise TypeError(f"directions need float32 or float64, not {directions.dtype}")
    x, y, z = directions.unbind(-1)
    return torch.atan2(-z, x), torch.atan2(y, torch.hypot(x, z))


def angles_to_directions(longitude: Tensor, latitude: Tensor) -> Tensor:
    """Convert longitudes and latitudes of one shape to unit world directions, …×3."""
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
    """Return longitudes (width) and latitudes (height) of an ERP frame's pixel centres, float32."""
    longitude = ((torch.arange(width, device=device) + 0.5) / width - 0.5) * (2 * math.pi)
    latitude = (0.5 - (torch.arange(height, device=device) + 0.5) / height) * math.pi
    return longitude, latitude


def erp_directions(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """Return unit world directions of an ERP frame's pixel centres, height×width×3, float32."""
    longitude, latitude = erp_angles(height, width, device)
    grid = torch.meshgrid(latitude, longitude, indexing="ij")
    return angles_to_directions(grid[1], grid[0])


def pad_erp(x: Tensor, amount: int) -> Tensor:
    """Continue N×C×H×W features across ±180° and over the poles by ``amount`` pixels a side.

    Beyond a pole lies the opposite meridian: row −1−k is row k rotated by 180°. An odd width has no
    exact opposite and takes the nearer of the two columns to its left.
    """
    if amount == 0:
        return x
    if x.requires_grad and torch.is_grad_enabled():
        widened: Tensor = _Widened.apply(x, amount)  # type: ignore[no-untyped-call]
        return widened
    return _widened(x, amount)


def _widened(x: Tensor, amount: int) -> Tensor:
    half = x.shape[-1] // 2
    top = x[..., :amount, :].flip(-2).roll(half, -1)
    bottom = x[..., -amount:, :].flip(-2).roll(half, -1)
    x = torch.cat([top, x, bottom], -2)
    return torch.cat([x[..., -amount:], x, x[..., :amount]], -1)


class _Widened(torch.autograd.Function):
    """`pad_erp`; autograd would add up a map of the whole size for each slice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, amount: int) -> Tensor:
        ctx.amount = amount
        return _widened(x, amount)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,), amount = gradients, ctx.amount
        tall = gradient[..., amount:-amount].clone()
        tall[..., :amount] += gradient[..., -amount:]
        tall[..., -amount:] += gradient[..., :amount]
        half = tall.shape[-1] // 2
        x = tall[..., amount:-amount, :]
        x[..., :amount, :] += tall[..., :amount, :].roll(-half, -1).flip(-2)
        x[..., -amount:, :] += tall[..., -amount:, :].roll(-half, -1).flip(-2)
        return x, None


def erp_grid(longitude: Tensor, latitude: Tensor, height: int, width: int) -> Tensor:
    """Return coordinates …×2 for `torch.nn.functional.grid_sample` (align_corners=False).

    They address a frame of ``height``×``width`` that `pad_erp` widened by one pixel a side.
    """
    x = longitude * (width / (math.pi * (width + 2)))
    y = latitude * (-2 * height / (math.pi * (height + 2)))
    return torch.stack([x, y], -1)


def viewport_grid(look: Tensor, size: tuple[int, int], padded: tuple[int, int]) -> Tensor:
    """Return the `erp_grid` of the pixel centres of viewports (paper, section 2.2).

    Args:
        look: float64 N×4 of yaw, pitch, roll and horizontal field of view.
        size: height and width of the viewports.
        padded: height and width of the widened frame, its padding included.

    Returns:
        Float64 N×size×2.
    """
    return erp_grid(*viewport_angles(look, size), padded[0] - 2, padded[1] - 2)


def viewport_angles(
    look: Tensor, size: tuple[int, int], at: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Return longitudes and latitudes, N×size, of the pixel centres of viewports.

    Args:
        look: N×4 as in `viewport_grid`, float64 or float32; the result has its type.
        size: height and width of the viewports.
        at: the rows, tiles×h, and columns, tiles×w, of tiles; the result is then N×(tiles·h)×w.
    """
    x, y = (axis[None, None] for axis in _ray_axes(*size, look.device, look.dtype))
    scale = torch.tan(look[:, 3] / 2)[:, None, None]
    rotation = rotation_tensor(look[:, 0], look[:, 1], look[:, 2])
    # A direction is the sum of a row's and a column's part: this saves a product per pixel.
    right, up, forward = (axis[..., None] for axis in rotation.unbind(-1))
    columns, rows = right * (x * scale), up * (y * scale) + forward
    if at is None:
        directions = rows[..., None] + columns[:, :, None]
    else:
        tiles = rows[:, :, at[0], None] + columns[:, :, at[1]][:, :, :, None]
        directions = tiles.flatten(2, 3)
    return directions_to_angles(directions.movedim(1, -1))


def sample_erp(frame: Tensor, directions: Tensor) -> Tensor:
    """Sample an ERP frame bilinearly in world directions, without a seam or a pinch at the poles.

    Args:
        frame: N×C×H×W, floating point.
        directions: h×w×3 or N×h×w×3, float32 or float64, any length.

    Returns:
        N×C×h×w in the frame's type, or float32 if that is narrower: coordinates have the type of
            the features and need its precision.
    """
    if frame.dtype.itemsize < 4:
        frame = frame.float()
    longitude, latitude = directions_to_angles(directions)
    grid = erp_grid(longitude, latitude, frame.shape[-2], frame.shape[-1])
    if grid.dim() == 3:
        grid = grid.expand(frame.shape[0], *grid.shape)
    return sample_padded(pad_erp(frame, 1), grid)


def sample_padded(features: Tensor, grid: Tensor) -> Tensor:
    """Sample ERP features that `pad_erp` widened by one pixel a side, bilinearly.

    Args:
        features: N×C×H×W, or 1×C×H×W for all N grids.
        grid: N×h×w×2 from `erp_grid` or `viewport_grid`, on any device.

    Returns:
        N×C×h×w in the features' type, or float32 if that is narrower: coordinates rounded to half
            precision are up to a sixteenth of a pixel off in a frame 256 wide, and half a pixel in
            bfloat16.
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
