"""First-order ambisonics of the harbour town, each sound where its object is in the picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nerv360.lab.synthetic.drawing import EYE
from nerv360.lab.synthetic.movers import FLOCKS
from nerv360.lab.synthetic.sounds.instruments import (
    RATE,
    Samples,
    bell,
    cry,
    folded,
    organ,
    water,
)
from nerv360.lab.synthetic.town import CAROUSEL, LIGHTHOUSE, PIER_POSTS
from nerv360.lab.synthetic.water import LEVEL

Point = tuple[float, float, float]
_LONGEST_S, _PERIOD_S = 12.0, 5.0
_CROSS_FADE_S = 1.0
_PEAK = 0.7
_CRIES = (  # flock, bird, when in the period, pitch, loudness
    (0, 0, 0.06, 1.0, 0.5),
    (0, 2, 0.45, 1.12, 0.4),
    (0, 3, 0.74, 0.93, 0.45),
    (1, 1, 0.27, 1.05, 0.3),
    (1, 4, 0.60, 0.9, 0.3),
)


@dataclass(frozen=True)
class _Source:
    """A sound that recurs, and the place that it comes from at a phase of the loop."""

    samples: Samples
    at: Callable[[float], Point]


class HarbourSound:
    """Sound of a clip that loops: W, Y, Z, X (AmbiX) at 48 kHz."""

    def __init__(self, seconds: float) -> None:
        """Make the sounds of a loop of ``seconds``; in a long one they recur."""
        self._length = max(1, round(seconds * RATE))
        times = 1 if seconds <= _LONGEST_S else round(seconds / _PERIOD_S)
        self._period = round(self._length / times)
        self._sources = _sources(self._period)
        loudest = np.abs([source.samples for source in self._sources]).sum(0).max()
        self._gain = _PEAK / max(float(loudest), 1e-9)

    def block(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Return ``count`` samples from sample ``start`` of the loop on, count×4."""
        index = np.arange(start, start + count)
        # The end of the loop fades over to what comes before its beginning.
        fade = min(self._length, round(_CROSS_FADE_S * RATE))
        share = np.clip((index - (self._length - fade)) / fade, 0, 1)[:, None].astype(np.float32)
        ends = np.array([start, start + count]) / self._length
        heard = np.zeros((count, 4), np.float32)
        along = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)[:, None]
        for source in self._sources:
            dry = source.samples[index % self._period, None] * (1 - share)
            dry += source.samples[(index - self._length) % self._period, None] * share
            before, after = (_gains(source.at(phase)) for phase in ends)
            heard += dry * (before + (after - before) * along)
        return heard * self._gain


def _sources(length: int) -> list[_Source]:
    """Return all sounds, each of ``length`` samples."""
    east, north = LIGHTHOUSE
    strokes = [(0.10, bell()), (0.28, bell())]
    x, _, z = CAROUSEL
    sources = [
        _Source(0.9 * folded(length, strokes), _still((east, 17.0, north))),
        _Source(0.35 * organ(length), _still((x, 2.0, z))),
    ]
    for flock, bird, when, pitch, loud in _CRIES:

        def at(phase: float, flock: int = flock, bird: int = bird) -> Point:
            return FLOCKS[flock].place(bird, phase)

        sources.append(_Source(loud * folded(length, [(when, cry(pitch))]), at))
    waves = max(1, round(length / RATE / 1.7))
    places = [(side, along) for along in PIER_POSTS[:3] for side in (-1.3, 1.3)]
    places += [(-15.0, 6.0), (-7.0, 6.0), (8.0, 6.0), (18.0, 6.0)]
    for number, (x, z) in enumerate(places):
        samples = water(length, waves, 0.37 * number % 1, number)
        loud = 0.5 / math.hypot(x, z)
        sources.append(_Source(loud * samples, _still((x, LEVEL, z))))
    return sources


def _still(place: Point) -> Callable[[float], Point]:
    return lambda phase: place


def _gains(place: Point) -> Samples:
    """Return the gains of W, Y, Z, X for sound from a place, in metres east, up, north."""
    east, up, north = (a - b for a, b in zip(place, EYE, strict=True))
    far = math.sqrt(east * east + up * up + north * north)
    return np.array([1.0, -east / far, up / far, north / far], np.float32)
