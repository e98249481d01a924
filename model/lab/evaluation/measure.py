"""Measures one method: along a path, over the sphere, and while the view turns."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.clip_pictures import ClipPictures, seen_pixels
from nerv360.errors import InputError
from nerv360.lab.evaluation.methods import Method
from nerv360.lab.evaluation.results import PathResult, PictureRow, SphereResult
from nerv360.lab.evaluation.view_consistency import measure_view_consistency
from nerv360.metrics import (
    MS_SSIM_MIN_SIDE,
    cut_viewport,
    moving_error,
    ms_ssim,
    psnr_8bit,
    unit,
    ws_psnr,
)
from nerv360.trajectories import Step

Advance = Callable[[], None]
CELLS = (36, 72)


def measure_path(
    method: Method,
    path: str,
    steps: list[Step],
    original: ClipPictures,
    still: Tensor,
    size: tuple[int, int],
    advance: Advance,
) -> PathResult:
    """Measure PSNR, also of the moving pixels, and MS-SSIM of a method's viewports.

    They are compared with viewports cut from the original, in the pixels that it shows. Looks that
    see none of them are left out.

    Args:
        steps: level looks that the method can decode.
        still: the original's temporal median.
        size: height and width of the viewports.
        advance: called after each picture.

    Raises:
        InputError: no look sees what the original shows.
    """
    rows: dict[int, PictureRow] = {}
    # In frame order, so that a path that jumps back and forth reads each clip only once.
    for index in sorted(range(len(steps)), key=lambda i: steps[i].frame):
        step = steps[index]
        seen = original.seen(step.look, size)
        if seen is not None and not bool(seen.any()):
            advance()
            continue
        shown = method.view(step.look, step.frame)
        wanted = cut_viewport(original[step.frame], step.look, *size)
        yaw_deg, pitch_deg, _, hfov_deg = step.look.degrees()
        known = 1 if seen is None else seen[..., None]
        wide = min(size) >= MS_SSIM_MIN_SIDE
        structure = ms_ssim(unit(shown) * known, unit(wanted) * known) if wide else None
        median = cut_viewport(still, step.look, *size)
        shown, wanted, median = seen_pixels(seen, shown, wanted, median)
        moving = moving_error(shown, wanted, median)
        rows[index] = PictureRow(
            index,
            step.frame,
            yaw_deg,
            pitch_deg,
            hfov_deg,
            psnr_8bit(shown, wanted),
            structure,
            moving,
        )
        advance()
    if not rows:
        raise InputError(
            f"{original.clip.path} shows nothing of what the path {path} looks at: give another"
        )
    return PathResult(method.name, path, [rows[index] for index in sorted(rows)])


def measure_sphere(
    method: Method,
    original: ClipPictures,
    still: Tensor,
    frames: list[int],
    consistency_frames: list[int],
    hfov: float,
    advance: Advance,
) -> SphereResult:
    """Measure WS-PSNR of whole frames, the error's distribution over the sphere, shimmer and seam.

    Args:
        still: the original's temporal median.
        frames, consistency_frames: indices of pictures, rising.
        hfov: field of view of the looks for view consistency, radians.
        advance: called after each whole frame.
    """
    ratios, moving, error = [], [], torch.zeros(CELLS, dtype=torch.float64)
    for frame in frames:
        shown, wanted = method.sphere(frame), original[frame]
        if original.coverage is not None:
            shown = unit(shown) * original.coverage[..., None]
            wanted = unit(wanted) * original.coverage[..., None]
        ratios.append(ws_psnr(shown, wanted, original.coverage))
        moving.append(moving_error(shown, wanted, still, sphere=True))
        error += _cells(shown, wanted) / len(frames)
        advance()
    consistency = measure_view_consistency(method.view, consistency_frames, hfov)
    return SphereResult(method.name, frames, ratios, moving, error.tolist(), *consistency)


def _cells(shown: Tensor, wanted: Tensor) -> Tensor:
    square = (unit(shown) - unit(wanted)).square().mean(-1)
    return F.adaptive_avg_pool2d(square[None, None], CELLS)[0, 0].double()
