"""Water of the harbour: a plane with waves that repeat every loop and mirror the still scene."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.geometry import erp_grid, pad_erp
from nerv360.lab.synthetic.drawing import (
    EYE,
    SUN,
    colour,
    display,
    fbm,
    haze_colour,
    length,
    mix,
    smoothstep,
)

LEVEL = -1.2
# Bearing in degrees, wavelength in metres, steepness, whole cycles per loop.
_WAVES = (
    (20.0, 9.0, 0.016, 1),
    (-35.0, 5.2, 0.018, 1),
    (65.0, 3.1, 0.020, 2),
    (-80.0, 2.2, 0.018, 2),
    (5.0, 1.45, 0.018, 3),
    (110.0, 1.0, 0.016, 3),
    (-20.0, 0.72, 0.014, 4),
)
_FARTHEST = 4000.0


class Water:
    """Colours of the water, which mirrors a picture of the still scene.

    Args:
        mirror: display values 1×3×h×w of the scene without its water.
        reach: horizontal distance in metres to the objects behind the water, at any number of
            longitudes from −180°.
    """

    def __init__(self, mirror: Tensor, reach: Tensor) -> None:
        self._mirror = pad_erp(mirror.float(), 1)
        self._size = (mirror.shape[-2], mirror.shape[-1])
        self._reach = reach

    def seen(self, d: Tensor, phase: float, pixel: float) -> Tensor:
        """Return display values 3×N of water along unit directions d.

        Args:
            d: directions; above the horizon they give the farthest water.
            phase: position in the loop, 0 to 1.
            pixel: angle of a pixel in radians.
        """
        drop = EYE[1] - LEVEL
        t = (drop / (-d[1]).clamp_min(drop / _FARTHEST)).clamp_max(_FARTHEST)
        x, z = t * d[0], t * d[2]
        # The length a pixel covers along the view grows with the slant.
        size = t * pixel / (-d[1]).clamp_min(1e-3).sqrt()
        slope_x, slope_z, lost = torch.zeros_like(t), torch.zeros_like(t), torch.zeros_like(t)
        calm = 0.55 + 0.9 * fbm(x * 0.06, z * 0.035, 3, 83, size * 0.06)
        for bearing, wavelength, steepness, cycles in _WAVES:
            east, north = math.sin(math.radians(bearing)), math.cos(math.radians(bearing))
            keep = (1.25 - 2.5 * size / wavelength).clamp(0.0, 1.0)
            angle = (x * east + z * north) / wavelength - cycles * phase
            wave = torch.cos(2 * math.pi * (angle - angle.floor())) * steepness * calm
            slope_x, slope_z = slope_x + wave * keep * east, slope_z + wave * keep * north
            lost = lost + (steepness * (1 - keep)) ** 2
        n = torch.stack([-slope_x, torch.ones_like(t), -slope_z])
        n = n / length(n)
        cosine = -(d * n).sum(0)
        r = d + 2 * cosine * n
        r = torch.stack([r[0], r[1].abs() + lost.sqrt() * 0.6, r[2]])
        r = r / length(r)
        fresnel = 0.03 + 0.80 * (1 - cosine.clamp(0.0, 1.0)).pow(4.2)
        depth = fbm(x * 0.11 + 9.0, z * 0.11, 3, 87, size * 0.11)
        body = mix(colour((0.012, 0.075, 0.095), d), colour((0.03, 0.14, 0.14), d), depth)
        light = mix(body, self._mirrored(x, z, r).pow(2.2) * 0.92, fresnel)
        facing = (r[0] * SUN[0] + r[1] * SUN[1] + r[2] * SUN[2]).clamp(0.0, 1.0)
        blur = 1 / (1 + 900 * lost)
        glint = facing.pow(420.0) * 3.0 * blur + facing.pow(46.0) * 0.45
        light = light + colour((1.0, 0.74, 0.42), d) * glint
        return display(mix(light, haze_colour(d), 0.75 * smoothstep(150.0, 2500.0, t)))

    def _mirrored(self, x: Tensor, z: Tensor, r: Tensor) -> Tensor:
        """Sample the still picture where rays from the water meet the objects behind it."""
        longitude = torch.atan2(r[0], r[2])
        column = ((longitude / (2 * math.pi) + 0.5) * self._reach.shape[0]).long()
        reach = self._reach[column.clamp(0, self._reach.shape[0] - 1)]
        level = torch.hypot(r[0], r[2]).clamp_min(1e-4)
        way = (reach - torch.hypot(x, z)).clamp_min(0.5)
        height = LEVEL + way * r[1] / level
        latitude = torch.atan2(height - EYE[1], reach)
        latitude = torch.where(reach >= _FARTHEST, r[1].clamp(-1, 1).asin(), latitude)
        grid = erp_grid(longitude, latitude, *self._size)[None, None]
        picked: Tensor = F.grid_sample(
            self._mirror, grid, padding_mode="border", align_corners=False
        )
        return picked[0, :, 0]
