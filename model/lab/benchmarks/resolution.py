"""Resolution of the paper's comparison, as a fraction of the paper's."""

from __future__ import annotations

import math
from fractions import Fraction

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.training import training_preset

TITLES = {"nerv360": "NeRV360", "hnerv": "HNeRV", "hnerv-boost": "HNeRV-Boost"}
DECODERS = tuple(TITLES)
WITHIN = 0.01
STEPS = 16
"""Denominator of scales: sixteenths keep the frame and viewport width of every preset exact."""


def parse_scale(text: str) -> Fraction:
    """Parse a fraction of the sides, such as ``1/8`` or ``0.125``.

    Raises:
        InputError: it is no number, not in (0, 1], or gives sizes that the strides do not divide.
    """
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"a fraction such as 1/8 or a number is needed, not {text!r}") from None
    if not 0 < scale <= 1 or (scale * STEPS).denominator != 1:
        raise InputError(
            f"the scale must be a multiple of 1/16 and at most 1, such as 1/8 or 3/16, not {text}"
        )
    return scale


def scaled(config: ModelConfig, scale: Fraction) -> ModelConfig:
    """Multiply the sides of frame and viewport by ``scale``; widths stay.

    The viewport's height becomes the nearest multiple of the strides' product: at 1/8 the paper's
    135 rows become 144.
    """
    rows = round(config.viewport_height * scale / config.scale)
    return config.replace(
        frame_height=int(config.frame_height * scale),
        frame_width=int(config.frame_width * scale),
        viewport_height=max(1, rows) * config.scale,
        viewport_width=int(config.viewport_width * scale),
    )


def with_pixels(config: ModelConfig, pixels: Fraction) -> ModelConfig:
    """Resize the viewport to ``pixels`` pixels, to 1 % or as close as possible, in any shape.

    Only few sizes are multiples of the strides, and a picture's cost depends on its pixels. Of
    several shapes, the one closest to the shape in ``config`` is taken.
    """
    cells = float(pixels) / config.scale**2
    aspect = config.viewport_width / config.viewport_height
    nearest = [
        (max(1, round(cells / rows)), rows) for rows in range(1, math.isqrt(round(2 * cells)) + 2)
    ]
    nearest.sort(key=lambda size: abs(size[0] * size[1] / cells - 1))
    close = [(w, h) for w, h in nearest if abs(w * h / cells - 1) <= WITHIN] or nearest[:1]
    columns, rows = min(close, key=lambda size: abs(math.log(size[0] / size[1] / aspect)))
    return config.replace(
        viewport_height=rows * config.scale, viewport_width=columns * config.scale
    )


def comparison(name: str, scale: Fraction) -> dict[str, ModelConfig]:
    """Return the three decoders of preset ``name``, with equal numbers of parameters, scaled.

    The viewport has ``scale`` squared of the preset's pixels, to 1 %.

    Raises:
        InputError: there is no such preset.
    """
    presets = {d: training_preset(name, d)[0] for d in DECODERS}
    return {
        d: with_pixels(
            scaled(whole, scale), whole.viewport_height * whole.viewport_width * scale**2
        )
        for d, whole in presets.items()
    }
