"""Sound at other speeds keeps its pitch."""

from __future__ import annotations

import numpy as np
import pytest

from nerv360.sound import RATE, Stretcher
from tests.support.sounds import clicks, tone


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("speed", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_pitch_stays_and_length_follows_the_speed(channels: int, speed: float) -> None:
    samples = np.repeat(tone(4.0)[:, None], channels, 1)
    stretcher = Stretcher(channels, speed)
    parts = [stretcher.feed(samples[start : start + 960]) for start in range(0, 4 * RATE, 960)]
    heard = np.concatenate(parts)
    assert len(heard) == pytest.approx(4 * RATE / speed, abs=RATE // 8)
    middle = heard[RATE // 2 : RATE // 2 + RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))[:, None], axis=0))
    assert spectrum.argmax(0).tolist() == [440 * len(middle) // RATE] * channels


@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0])
def test_a_click_comes_when_it_is_due(speed: float) -> None:
    stretcher = Stretcher(2, speed)
    samples = np.repeat(clicks(4.0)[:, None], 2, 1)
    heard = np.concatenate([stretcher.feed(samples[i : i + 960]) for i in range(0, 4 * RATE, 960)])
    due, every = 0.25 / speed, 0.5 / speed
    late = np.flatnonzero(np.abs(heard[:, 0]) > 0.3) / RATE + stretcher.lead_s - due
    assert np.abs(late - every * np.round(late / every)).max() < 0.03


@pytest.mark.parametrize("speed", [0.1, 4.0])
def test_other_speeds_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="stretched by"):
        Stretcher(2, speed)
