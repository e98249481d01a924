"""Similarity of pictures: PSNR, MS-SSIM, WS-PSNR, and quality of the moving pixels."""

from nerv360.metrics.moving import (
    THRESHOLD,
    MovingError,
    median_frames,
    moving_error,
    pooled,
    spread_frames,
    temporal_median,
)
from nerv360.metrics.similarity import (
    MS_SSIM_MIN_SIDE,
    as_shown,
    cut_viewport,
    decibels,
    ms_ssim,
    psnr_8bit,
    unit,
    ws_psnr,
)

__all__ = [
    "MS_SSIM_MIN_SIDE",
    "THRESHOLD",
    "MovingError",
    "as_shown",
    "cut_viewport",
    "decibels",
    "median_frames",
    "moving_error",
    "ms_ssim",
    "pooled",
    "psnr_8bit",
    "spread_frames",
    "temporal_median",
    "unit",
    "ws_psnr",
]
