"""Sentences on a decoder's quality and its causes. Importing it does not load torch."""

from __future__ import annotations

import math

from nerv360.config import ModelConfig
from nerv360.scene.header import TrainingSummary

_WORDS = ((40.0, "hardly different from the clip"), (34.0, "close to the clip"),
          (28.0, "softer than the clip"), (-math.inf, "much softer than the clip"))  # fmt: skip
"""Held-out PSNR from which on a picture is called so."""
_SOFTER_DB = 3.0
"""Decibels from which on moving parts are said to be softer than the rest."""
_MOST = 0.5
_LEAST_GAIN_DB = 0.05


def outcome_sentences(config: ModelConfig, training: TrainingSummary) -> list[str]:
    """Say how well a decoder came out, and why, only by what was measured; perhaps nothing."""
    said = [
        _quality(training.psnr_db, training.moving_db),
        _why(config, training.still_share),
        _gain(training.late_gain_db),
    ]
    return [sentence for sentence in said if sentence]


def _quality(psnr_db: float | None, moving_db: float | None) -> str:
    if psnr_db is None:
        return ""
    word = next(word for least, word in _WORDS if psnr_db >= least)
    sentence = f"Its pictures are {word} ({psnr_db:.1f} dB)"
    if moving_db is None:
        return f"{sentence}."
    relation = "and softer" if psnr_db - moving_db >= _SOFTER_DB else "also"
    return f"{sentence}, {relation} where it moves ({moving_db:.1f} dB)."


def _why(config: ModelConfig, still_share: float | None) -> str:
    if still_share is None:
        return ""
    share = f"{still_share:.0%} of the sphere stands still"
    if config.still_panorama:
        return f"{share}: it is stored once, as one sharp picture."
    if still_share < _MOST:
        return f"Only {share}, as with a camera that moves: the network draws everything."
    return f"{share}, but it was trained without a still panorama."


def _gain(late_gain_db: float | None) -> str:
    if late_gain_db is None:
        return ""
    if late_gain_db < _LEAST_GAIN_DB:
        return "The last third of its training gained hardly anything."
    return f"The last third of its training gained {late_gain_db:.1f} dB."
