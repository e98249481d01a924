"""Similarity of two pictures: PSNR, MS-SSIM, and WS-PSNR of the whole sphere.

Pictures are height×width×channels, uint8 or floating point in [0, 1].
"""

from __future__ import annotations

import math

import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from torch import Tensor

from nerv360.geometry import Look, sample_erp, viewport_directions

MS_SSIM_MIN_SIDE = 161
PERFECT_DB = 100.0
"""PSNR in dB of a picture without any error, so that means stay finite."""


def unit(picture: Tensor) -> Tensor:
    """Convert ``picture`` to float32 in [0, 1]."""
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture.float()


def as_shown(picture: Tensor) -> Tensor:
    """Round ``picture`` to 8 bits, as a display shows it."""
    if picture.dtype == torch.uint8:
        return picture
    return (unit(picture) * 255).round().clamp(0, 255).byte()


def mean_square(a: Tensor, b: Tensor) -> float:
    """Return the mean squared difference, relative to a full scale of 1.

    Raises:
        ValueError: the pictures differ in shape.
    """
    _same_shape(a, b)
    return float((unit(a) - unit(b)).square().mean(dtype=torch.float64))


def decibels(mean_square_error: float) -> float:
    """Convert a mean squared error to PSNR in dB, at most `PERFECT_DB`."""
    least = 10 ** (-PERFECT_DB / 10)
    return -10 * math.log10(max(mean_square_error, least))


def psnr_8bit(shown: Tensor, wanted: Tensor) -> float:
    """Return PSNR in dB over all samples, with ``shown`` rounded to 8 bits as on a display.

    ``wanted`` is compared as it is.

    Raises:
        ValueError: the pictures differ in shape.
    """
    return decibels(mean_square(as_shown(shown), wanted))


def ms_ssim(a: Tensor, b: Tensor) -> float:
    """Return MS-SSIM (Wang et al. 2003), averaged over the channels.

    Five scales, 11×11 Gaussian windows of σ 1.5.

    Raises:
        ValueError: the pictures differ in shape, or a side is below `MS_SSIM_MIN_SIDE`.
    """
    _same_shape(a, b)
    if min(a.shape[:2]) < MS_SSIM_MIN_SIDE:
        raise ValueError(f"MS-SSIM needs sides of {MS_SSIM_MIN_SIDE} pixels, not {a.shape[:2]}")
    planes = (unit(picture).permute(2, 0, 1)[None].contiguous() for picture in (a, b))
    return float(_ms_ssim(*planes, data_range=1.0))


def ws_psnr(a: Tensor, b: Tensor, coverage: Tensor | None = None) -> float:
    """Return PSNR in dB of whole ERP frames, each row weighted by its share of the sphere.

    The weight of row j is cos((j + 0.5 − H/2)·π/H), as in 360Lib.

    Args:
        coverage: H×W bool, pixels to compare; all if None.

    Raises:
        ValueError: the frames differ in shape.
    """
    _same_shape(a, b)
    weight = row_weights(a.shape[0], a.device)
    error = (unit(a) - unit(b)).square()
    if coverage is None:
        errors = error.mean(dim=(1, 2), dtype=torch.float64)
    else:
        errors = error.mean(dim=2, dtype=torch.float64)
        weight = weight[:, None] * coverage
    return decibels(float((errors * weight).sum() / weight.sum()))


def row_weights(height: int, device: torch.device) -> Tensor:
    """Return the area of a pixel in each row of an ERP frame, float64, 1 at the equator."""
    row = torch.arange(height, dtype=torch.float64, device=device)
    return torch.cos((row + 0.5 - height / 2) * (math.pi / height))


def cut_viewport(frame: Tensor, look: Look, height: int, width: int) -> Tensor:
    """Cut the viewport of ``look`` from an ERP frame, bilinear: height×width×C float32."""
    planes = unit(frame).permute(2, 0, 1)[None]
    directions = viewport_directions(look, height, width, frame.device)
    return sample_erp(planes, directions)[0].permute(1, 2, 0)


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape or a.dim() != 3:
        raise ValueError(
            "both pictures must have the same shape, height×width×channels, not "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
