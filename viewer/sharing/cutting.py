"""Viewports cut from whole frames, which would take ten times as many bytes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from nerv360.decoding import Picture
from nerv360.geometry import Look, directions_to_angles, viewport_directions

ASPECT = 16 / 9
HFOV_RANGE = (math.radians(10.0), math.radians(110.0))
_SMALLEST = 16


def cut(whole: Picture, look: Look, most: int) -> Picture:
    """Cut a viewport of shape `ASPECT` from an equirectangular picture.

    Args:
        whole: the picture.
        look: of the viewport; its roll is not used, its field of view is moved into `HFOV_RANGE`.
        most: columns that the view has for it; there are no more than the picture has detail for.
    """
    hfov = min(max(look.hfov, HFOV_RANGE[0]), HFOV_RANGE[1])
    level = Look(look.yaw, look.pitch, 0.0, hfov)
    rows, columns = whole.pixels.shape[:2]
    detail = columns / (2 * math.pi) * 2 * math.tan(hfov / 2)
    width = max(math.ceil(min(most, detail)), _SMALLEST)
    height = max(round(width / ASPECT), 1)
    level_directions = viewport_directions(level, height, width, whole.pixels.device)
    longitude, latitude = directions_to_angles(level_directions)
    x = (longitude / (2 * math.pi) + 0.5) * columns + 1  # within columns repeated at the seam
    y = (0.5 - latitude / math.pi) * rows
    # Only rows in sight become floats: those of a large frame take hundreds of megabytes.
    first = max(math.floor(float(y.min())) - 1, 0)
    end = min(math.ceil(float(y.max())) + 1, rows)
    strip = whole.pixels[first:end]
    strip = torch.cat([strip[:, -1:], strip, strip[:, :1]], 1).permute(2, 0, 1)[None].float()
    place = torch.stack([2 * x / (columns + 2) - 1, 2 * (y - first) / (end - first) - 1], -1)
    sampled = F.grid_sample(strip, place[None], padding_mode="border", align_corners=False)[0]
    pixels = sampled.round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
    return Picture(pixels, level, whole.frame, False, whole.decode_s)
