"""Two chains of hills on the horizon, as heights over longitude."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.lab.synthetic.drawing import (
    EYE,
    FAR,
    SUN,
    colour,
    display,
    fbm,
    haze_colour,
    mix,
    smoothstep,
)

# Distance in metres, mean height, height of the relief, features around the circle, seed, haze.
_CHAINS = (
    (420.0, 26.0, 46.0, 3.0, 11, 0.34),
    (1500.0, 120.0, 190.0, 2.2, 29, 0.74),
)


def _crest(chain: int, azimuth: Tensor) -> Tensor:
    """Return the height of a chain in metres at azimuths from north, with a gap for the sea."""
    _, mean, relief, features, seed, _ = _CHAINS[chain]
    x, y = azimuth.sin() * features + 5.0, azimuth.cos() * features + 5.0
    height = mean + relief * (fbm(x, y, 6, seed) - 0.42) * 2.0
    gap = 0.62 if chain == 0 else 0.25
    away = (azimuth + 0.1).abs()
    return height * smoothstep(gap, gap + 0.7, away) - (1 - smoothstep(gap, gap + 0.2, away)) * 9


class Hills:
    """The chains in a picture of ``columns`` columns, the first at −180°."""

    def __init__(self, columns: int, device: torch.device) -> None:
        turn = 2 * torch.pi * ((torch.arange(columns, device=device) + 0.5) / columns - 0.5)
        self._crests = [_crest(chain, turn) for chain in range(len(_CHAINS))]
        self._slopes = [
            (_crest(chain, turn + 0.01) - crest) / (0.01 * _CHAINS[chain][0])
            for chain, crest in enumerate(self._crests)
        ]

    def behind(self, d: Tensor, column: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Return distance and display values of the hills along unit directions 3×N.

        Args:
            d: directions.
            column: the picture's column of each direction.
            limit: distance of other objects there; hills beyond it give `FAR`.
        """
        level = torch.hypot(d[0], d[2]).clamp_min(1e-6)
        depth = torch.full_like(level, FAR)
        picture = torch.zeros_like(d)
        for chain in (1, 0):
            t = _CHAINS[chain][0] / level
            height = EYE[1] + t * d[1]
            crest = self._crests[chain][column]
            seen = ((height > -1.5) & (height < crest) & (t < limit)).nonzero()[:, 0]
            slope = self._slopes[chain][column[seen]]
            picture[:, seen] = _colours(chain, d[:, seen], height[seen], slope)
            depth[seen] = t[seen]
        return depth, picture


def _colours(chain: int, d: Tensor, height: Tensor, slope: Tensor) -> Tensor:
    _, mean, relief, features, _, haze = _CHAINS[chain]
    azimuth = torch.atan2(d[0], d[2])
    along, climb = azimuth.sin() * features, azimuth.cos() * features
    grain = fbm(along * 14 + height * 0.05, climb * 14 + height / relief * 9, 4, 61 + chain)
    woods = fbm(along * 5 + 3.0, climb * 5 + height / relief * 3.0, 3, 71)
    # A slope that rises to the right faces left, and the sun is in the west.
    west = slope * azimuth.cos().sign()
    sunny = (0.62 - 0.9 * west * SUN[0] + 0.9 * (grain - 0.5)).clamp(0.15, 1.3)
    ground = mix(
        colour((0.10, 0.17, 0.08), d), colour((0.34, 0.36, 0.13), d), smoothstep(0.42, 0.62, woods)
    )
    share = height / (mean + relief)
    ground = mix(ground, colour((0.46, 0.38, 0.30), d), smoothstep(0.75, 1.1, share))
    light = ground * sunny * colour((1.6, 1.3, 0.95), d)
    fade = haze + 0.18 * (1 - smoothstep(0.0, 0.5, share))
    return display(mix(light, haze_colour(d), fade.clamp(0.0, 1.0)))
