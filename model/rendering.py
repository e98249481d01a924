"""Render views larger than one decoded picture: rolled, wide, or the whole sphere.

A rectilinear picture seen from another direction is an exact rotation of itself, so a view is
assembled by re-projecting as many decoded pictures as it takes to cover it. Pictures with an alpha
are composited over the still panorama, sampled at the view's own resolution.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding import Engine, Picture
from nerv360.errors import InputError
from nerv360.geometry import (
    Look,
    erp_directions,
    level_of_detail,
    sample_erp,
    viewport_directions,
)
from nerv360.networks import composite
from nerv360.reprojection import covering_looks, project

EDGE = 0.15
ROWS_AT_ONCE = 256
LARGEST_SIDE = 32768


def render_view(engine: Engine, look: Look, frame: int, height: int, width: int) -> Tensor:
    """Render ``frame`` along ``look``: height×width×3 uint8 RGB on the engine's device.

    A picture decoded for exactly this look and size is not resampled. Otherwise decoded pictures
    are re-projected, and blended if one does not cover the view.

    Raises:
        InputError: the size is not one of a picture.
        IndexError: there is no such frame.
    """
    _check_size(height, width)
    picture = engine.decode(look, frame)
    exact = _shows(picture, look, height, width)
    if exact and engine.still is None:
        return picture.pixels[..., :3].contiguous()
    directions = viewport_directions(look, height, width, engine.device)
    angle = 2 * look.half_extent / width
    if exact:
        return _bytes(_over(_planes(picture)[0], _still_at(engine, directions, angle)))
    return _assemble(engine, frame, picture, directions, angle)


def render_sphere(engine: Engine, frame: int, height: int, width: int) -> Tensor:
    """Render the whole sphere as an ERP frame: height×width×3 uint8 RGB on the engine's device.

    A full-frame engine's picture of that size is returned unchanged. With a viewport engine the
    sphere is composed of the pictures at `covering_looks`: each pixel is the mean of the pictures
    that show it, weighted by its distance from their edges.

    Raises:
        InputError: the size is not one of a picture.
        IndexError: there is no such frame.
    """
    _check_size(height, width)
    directions = erp_directions(height, width, engine.device)
    angle = 2 * math.pi / width
    if not engine.full_frame:
        return _assemble(engine, frame, None, directions, angle)
    picture = engine.decode(Look(), frame)
    if tuple(picture.pixels.shape[:2]) == (height, width) and engine.still is None:
        return picture.pixels[..., :3].contiguous()
    return _assemble(engine, frame, picture, directions, angle)


def opaque(picture: Picture, engine: Engine) -> Picture:
    """Return a level picture of an engine composited over the engine's still panorama, as RGBA."""
    if engine.still is None:
        return picture
    height, width = picture.pixels.shape[:2]
    directions = viewport_directions(picture.look, height, width, picture.pixels.device)
    still = _still_at(engine, directions, 2 * picture.look.half_extent / width)
    colours = _bytes(_over(_planes(picture)[0], still))
    return replace(picture, pixels=F.pad(colours, (0, 1), value=255))


def _check_size(height: int, width: int) -> None:
    sides = (height, width)
    if not all(hasattr(side, "__index__") and 1 <= side <= LARGEST_SIDE for side in sides):
        raise InputError(
            f"a view has a height and a width of 1 to {LARGEST_SIDE} pixels, not {height!r} and "
            f"{width!r}"
        )


def _shows(picture: Picture, look: Look, height: int, width: int) -> bool:
    return (
        not picture.equirectangular
        and picture.look == look
        and tuple(picture.pixels.shape[:2]) == (height, width)
    )


def _assemble(
    engine: Engine,
    frame: int,
    picture: Picture | None,
    directions: Tensor,
    angle: float,
) -> Tensor:
    """Compose decoded pictures along ``directions`` as uint8, preferring ``picture``.

    Args:
        angle: as of `_still_at`.
    """
    height, width = directions.shape[:2]
    still = None if picture is None else _still_at(engine, directions, angle)
    if picture is not None and picture.equirectangular:
        return _bytes(_over(_sampled(_planes(picture), directions), still))
    total = torch.zeros(3, height, width, device=directions.device)
    weights = torch.zeros(height, width, device=directions.device)
    if picture is not None:
        _add(total, weights, picture, directions, still, primary=True)
        if bool((weights > 0.999).all()):
            return _bytes(total)
    missing = 1 - weights
    others, other_weights = torch.zeros_like(total), torch.zeros_like(weights)
    for look in covering_looks(engine.hfov_range[1], *engine.size):
        _, inside = project(directions, look, *engine.size)
        if bool((inside & (missing > 0)).any()):
            other = engine.decode(look, frame)
            if still is None:  # known after the first picture
                still = _still_at(engine, directions, angle)
            _add(others, other_weights, other, directions, still, primary=False)
    return _bytes(total + missing * others / other_weights.clamp_min(1e-12))


def _add(
    total: Tensor,
    weights: Tensor,
    picture: Picture,
    directions: Tensor,
    still: Tensor | None,
    *,
    primary: bool,
) -> None:
    """Add ``picture`` to the weighted sum; the primary one fades out only close to its edge."""
    place, inside = project(directions, picture.look, *picture.pixels.shape[:2])
    if not primary:
        to_edge = (1 - place.abs()).clamp_min(1e-4).prod(-1).square()
        weight = torch.where(inside, to_edge, 0)
    elif bool(inside.all()):
        weight = torch.ones_like(weights)
    else:
        ramp = ((1 - place.abs().amax(-1)) / EDGE).clamp(0, 1)
        weight = torch.where(inside, ramp, 0)
    sampled = F.grid_sample(
        _planes(picture), place[None], "bilinear", padding_mode="border", align_corners=False
    )[0]
    total += _over(sampled, still) * weight
    weights += weight


def _over(rgba: Tensor, still: Tensor | None) -> Tensor:
    """Composite RGBA 4×h×w over the still panorama 3×h×w, if there is one: RGB 3×h×w."""
    return rgba[:3] if still is None else composite(rgba[:3], rgba[3:], still)


def _still_at(engine: Engine, directions: Tensor, angle: float) -> Tensor | None:
    """Sample the still panorama along ``directions``, 3×h×w; None without a still panorama.

    Args:
        angle: largest angular width of a pixel, radians.
    """
    if engine.still is None:
        return None
    planes = engine.still.permute(2, 0, 1)[None].float() / 255
    between, level = math.modf(level_of_detail(planes.shape[-1], angle))
    planes = F.avg_pool2d(planes, 2 ** int(level))
    shown = _sampled(planes, directions)
    if between == 0:
        return shown
    return torch.lerp(shown, _sampled(F.avg_pool2d(planes, 2), directions), between)


def _sampled(sphere: Tensor, directions: Tensor) -> Tensor:
    """Sample an ERP frame 1×c×H×W along ``directions``: c×h×w."""
    strips = torch.split(directions, ROWS_AT_ONCE)
    return torch.cat([sample_erp(sphere, strip)[0] for strip in strips], 1)


def _planes(picture: Picture) -> Tensor:
    return picture.pixels.permute(2, 0, 1)[None].float() / 255


def _bytes(planes: Tensor) -> Tensor:
    return planes.mul(255).add_(0.5).clamp_(0, 255).byte().permute(1, 2, 0).contiguous()
