"""Sky: a gradient, the sun's glow, and one layer of clouds that drifts in a closed loop."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.lab.synthetic.drawing import SUN, colour, display, fbm, haze_colour, mix, smoothstep

_EXTENT = 7.2
_FLATNESS = 0.16
_DRIFT = (0.05, 0.016)


def sky_light(d: Tensor) -> Tensor:
    """Return the cloudless sky along unit directions 3×N, linear."""
    up = d[1].clamp_min(0.0)
    facing = (d[0] * SUN[0] + d[1] * SUN[1] + d[2] * SUN[2]).clamp(-1.0, 1.0)
    zenith, middle = colour((0.10, 0.24, 0.56), d), colour((0.36, 0.56, 0.82), d)
    sky = mix(middle, zenith, smoothstep(0.05, 0.9, up))
    sky = mix(haze_colour(d), sky, smoothstep(-0.05, 0.30, up))
    glow = 0.5 * ((facing + 1) / 2).pow(24.0) + 1.2 * ((facing + 1) / 2).pow(220.0)
    disc = smoothstep(math.cos(0.036), math.cos(0.026), facing) * 3.0
    return sky + colour((1.0, 0.72, 0.42), d) * glow + colour((1.0, 0.92, 0.75), d) * disc


class Clouds:
    """Opacity and brightness of the cloud layer, drawn once on a square of ``side`` cells."""

    def __init__(self, device: torch.device, side: int) -> None:
        axis = ((torch.arange(side, device=device) + 0.5) / side * 2 - 1) * _EXTENT
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        cover = self._density(x, y)
        # Light comes from the sun's side: thinner parts there are brighter.
        texel = 2 * _EXTENT / side
        steps = [-round(0.10 * SUN[axis] / texel) for axis in (2, 0)]
        shade = cover.roll(steps, (0, 1))
        bright = (0.62 + (cover - shade) * 1.6 + (1 - cover) * 0.42).clamp(0.3, 1.25)
        self._layer = torch.stack([smoothstep(0.0, 0.75, cover), bright])[None]

    @staticmethod
    def _density(x: Tensor, y: Tensor) -> Tensor:
        bend = fbm(x * 0.9, y * 0.9, 3, seed=91) - 0.5
        shape = fbm(x * 1.05 + bend * 0.7, y * 1.05 - bend * 0.7, 6, seed=5)
        return smoothstep(0.50, 0.70, shape)

    def over(self, d: Tensor, phase: float) -> Tensor:
        """Return sky and clouds along unit directions 3×N as display values.

        Args:
            d: directions; below the horizon they give the horizon's haze.
            phase: position in the loop, 0 to 1 (both ends are the same picture).
        """
        sky = sky_light(d)
        plane = d[[0, 2]] / (d[1].clamp_min(0.0) + _FLATNESS)
        first = self._lookup(plane, phase)
        second = self._lookup(plane, phase - 1.0)
        # Two layers cross-fade while they drift, so that the end of the loop meets its beginning.
        alpha, bright = torch.lerp(first, second, phase)
        alpha = alpha * smoothstep(0.03, 0.22, d[1])
        facing = (d[0] * SUN[0] + d[1] * SUN[1] + d[2] * SUN[2]) * 0.5 + 0.5
        white = mix(colour((0.92, 0.93, 1.0), d), colour((1.55, 1.22, 0.88), d), facing**3)
        cloud = mix(white * bright, haze_colour(d), 0.55 * (1 - smoothstep(0.0, 0.5, d[1])))
        return display(mix(sky, cloud, alpha * 0.94))

    def _lookup(self, plane: Tensor, shift: float) -> Tensor:
        x = (plane[0] + _DRIFT[0] * shift) / _EXTENT
        y = (plane[1] + _DRIFT[1] * shift) / _EXTENT
        grid = torch.stack([x, y], -1)[None, None]
        return F.grid_sample(self._layer, grid, padding_mode="reflection", align_corners=False)[
            0, :, 0
        ]
