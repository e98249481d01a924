"""A decoder's quality is told by measured values only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nerv360.networks import ARCHITECTURES
from nerv360.scene import TrainingSummary, outcome_sentences

CONFIG = ARCHITECTURES["nerv360"].presets["demo"].replace(still_panorama=False)
TRAINING = TrainingSummary(1, 10, None, None, 1.0)


def said(still: bool = False, **measured: Any) -> str:
    config = CONFIG.replace(still_panorama=still)
    return " ".join(outcome_sentences(config, replace(TRAINING, **measured)))


def test_what_was_not_measured_is_not_said() -> None:
    assert said() == ""
    assert said(psnr_db=41.25) == "Its pictures are hardly different from the clip (41.2 dB)."


@pytest.mark.parametrize(
    ("psnr", "word"),
    [(40.0, "hardly different"), (39.9, "close to"), (33.0, "softer"), (5, "much")],
)
def test_quality_has_a_word(psnr: float, word: str) -> None:
    assert f"pictures are {word}" in said(psnr_db=psnr)


def test_moving_parts_are_softer_if_they_are() -> None:
    assert "(36.0 dB), and softer where it moves (30.0 dB)." in said(psnr_db=36, moving_db=30)
    assert "(36.0 dB), also where it moves (35.0 dB)." in said(psnr_db=36, moving_db=35)


def test_the_reason_is_what_stands_still() -> None:
    assert said(still=True, still_share=0.92).startswith("92% of the sphere stands still: it is")
    assert "Only 12% of the sphere stands still, as with a camera" in said(still_share=0.12)
    assert said(still_share=0.8).endswith("trained without a still panorama.")


def test_the_gain_of_the_last_third_is_told() -> None:
    assert said(late_gain_db=0.83) == "The last third of its training gained 0.8 dB."
    assert said(late_gain_db=0.01) == "The last third of its training gained hardly anything."
