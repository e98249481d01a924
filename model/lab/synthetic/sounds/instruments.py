"""Water, gulls, a bell and an organ, as samples at 48 kHz."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

RATE = 48_000

Samples = npt.NDArray[np.float32]

_BELL_HZ = 233.0
"""Between the notes of the organ."""
_BELL = (  # frequency as a multiple, amplitude, seconds until it has faded to 1/e
    (0.5, 0.35, 1.1),
    (1.0, 0.80, 0.9),
    (1.19, 0.60, 0.7),
    (1.5, 0.35, 0.5),
    (2.0, 0.90, 0.5),
    (2.51, 0.35, 0.3),
    (3.01, 0.30, 0.2),
    (4.1, 0.25, 0.12),
)
_CRY = (0.4, 0.9, 1.0, 0.6, 0.35, 0.2)
"""Amplitudes of the harmonics of a gull's cry."""
_PIPE = (1.0, 0.45, 0.28, 0.10)
_BEATS = ((76, 79, 76), (77, 81, 84), (83, 79, 74), (72, 76, 79))
"""Melody of each bar as MIDI notes; bass and chord below have one entry a bar."""
_BASS = (48, 53, 43, 48)
_CHORD = ((64, 67), (65, 69), (62, 65), (64, 67))


def folded(length: int, events: list[tuple[float, Samples]]) -> Samples:
    """Return one period of sounds that recur, the ends of long ones over the beginning.

    Args:
        length: of the period, in samples.
        events: position of each beginning in the period, 0 to 1, and its samples.
    """
    period: Samples = np.zeros(length, np.float32)
    for position, samples in events:
        start = int(position * length)
        whole = -(-(start + len(samples)) // length) * length
        padded = np.zeros(whole, np.float32)
        padded[start : start + len(samples)] = samples
        period += padded.reshape(-1, length).sum(0)
    return period


def bell() -> Samples:
    """Return one stroke of a bell."""
    t = np.arange(4 * RATE) / RATE
    sound = sum(
        amplitude * np.exp(-t / decay) * np.sin(2 * math.pi * _BELL_HZ * multiple * t)
        for multiple, amplitude, decay in _BELL
    )
    return _faded(np.asarray(sound) / sum(each[1] for each in _BELL), 0.002, 0.3)


def cry(pitch: float) -> Samples:
    """Return the cry of a gull, three calls that become shorter; ``pitch`` is 1 or near it."""
    calls = []
    for seconds in (0.42, 0.26, 0.22):
        t = np.linspace(0, 1, round(seconds * RATE))
        hertz = pitch * (620 + 560 * np.sin(math.pi * t**0.55))
        turn = 2 * math.pi * np.cumsum(hertz) / RATE
        sound = sum(weight * np.sin((k + 1) * turn) for k, weight in enumerate(_CRY))
        rough = 1 + 0.25 * np.sin(2 * math.pi * 70 * t * seconds)
        calls += [_faded(0.3 * sound * rough * np.sin(math.pi * t**0.7), 0.02, 0.05)]
        calls += [np.zeros(RATE // 12, np.float32)]
    return np.concatenate(calls)


def organ(length: int) -> Samples:
    """Return a waltz of a barrel organ that fills a period of ``length`` samples."""
    bars = max(1, round(length / RATE / 1.25))
    beat = 1 / (3 * bars)
    lasts = beat * length / RATE
    events = []
    for bar in range(bars):
        tune, bass, chord = _BEATS[bar % 4], _BASS[bar % 4], _CHORD[bar % 4]
        for k in range(3):
            at = (3 * bar + k) * beat
            events.append((at, _pipe(tune[k], 0.85 * lasts, 0.30)))
            low: tuple[int, ...] = (bass,) if k == 0 else chord
            events += [(at, _pipe(note, 0.5 * lasts, 0.16)) for note in low]
    return folded(length, events)


def water(length: int, waves: int, start: float, seed: int) -> Samples:
    """Return a period of water that laps against wood and stone.

    Args:
        length: of the period, in samples.
        waves: in a period.
        start: position of the first wave between two, 0 to 1.
        seed: chooses the noise.
    """
    draw = np.random.default_rng(seed)
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    shape = hertz / 350 * np.exp(-hertz / 700) + 0.05 * np.exp(-(((hertz - 2600) / 1500) ** 2))
    wild = draw.normal(size=(2, len(hertz)))
    noise = np.fft.irfft(shape * (wild[0] + 1j * wild[1]), length)
    noise /= max(noise.std(), 1e-9)
    swell = 0.5 + 0.5 * np.cos(2 * math.pi * (waves * np.arange(length) / length - start))
    return np.asarray(noise * (0.12 + 0.88 * swell**3), np.float32)


def _pipe(note: int, seconds: float, loud: float) -> Samples:
    t = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((note - 69) / 12)
    sound = sum(w * np.sin(2 * math.pi * hertz * (k + 1) * t) for k, w in enumerate(_PIPE))
    return _faded(loud * np.asarray(sound), 0.012, 0.05)


def _faded(sound: npt.NDArray[np.float64], rise_s: float, fall_s: float) -> Samples:
    t = np.arange(len(sound)) / RATE
    left = np.minimum(t / rise_s, t[::-1] / fall_s) if len(t) else t
    return (sound * np.clip(left, 0, 1)).astype(np.float32)
