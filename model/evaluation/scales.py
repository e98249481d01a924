"""The paper's comparison at a stated fraction of its size."""

from __future__ import annotations

from fractions import Fraction

from model.config import ModelConfig
from model.errors import InputError
from model.training.presets import training_preset

DECODERS = ("nerv360", "hnerv", "hnerv-boost")
STEPS = 16
"""Whole sixteenths keep the frame and the width of the viewport of every preset exact."""


def parse_scale(text: str) -> Fraction:
    """The fraction that ``--scale`` names, as ``1/8`` or ``0.125``.

    Raises:
        InputError: it is no number, not in (0, 1], or a size that the strides do not divide.
    """
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"--scale must be a fraction such as 1/8 or a number, not {text!r}"
        ) from None
    if not 0 < scale <= 1 or (scale * STEPS).denominator != 1:
        raise InputError(
            f"--scale {text}: the strides divide the frame and the viewport's width at whole "
            f"sixteenths alone: 1/16, 1/8, 3/16, 1/4, 5/16 and so on to 1"
        )
    return scale


def scaled(config: ModelConfig, scale: Fraction) -> ModelConfig:
    """``config`` with the sides of frame and viewport multiplied by ``scale``; widths stay.

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


def comparison(name: str, scale: Fraction) -> dict[str, ModelConfig]:
    """The three decoders of preset ``name`` at one budget of parameters, scaled.

    Raises:
        InputError: there is no such preset.
    """
    return {d: scaled(training_preset(name, d)[0], scale) for d in DECODERS}


def picture_size(config: ModelConfig) -> tuple[int, int]:
    """Height and width of one decoded picture: the viewport, or the whole frame."""
    if config.full_frame:
        return config.frame_height, config.frame_width
    return config.viewport_height, config.viewport_width
