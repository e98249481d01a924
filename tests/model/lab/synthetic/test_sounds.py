"""The harbour's sound: it comes from where things are, loops, and survives a clip and a scene."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nerv360.geometry import Look
from nerv360.lab.synthetic import HarbourSound
from nerv360.lab.synthetic.drawing import EYE, Ellipsoid, Frustum
from nerv360.lab.synthetic.movers.harbour import movers
from nerv360.lab.synthetic.town import town
from nerv360.sound import RATE, SoundReader, clip_sound, ear_gains, encoded, find_track
from nerv360.video import VideoWriter, open_clip

SECONDS = 5.0
BELL_HZ = (233.0, 466.0)
Block = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]


def whole(seconds: float) -> Block:
    return HarbourSound(seconds).block(0, round(seconds * RATE))


@pytest.fixture(scope="module")
def loop() -> Block:
    return whole(SECONDS)


def written(path: Path, samples: Block) -> Path:
    fps = 20
    with VideoWriter(path, 64, 32, fps, channels=4) as film:
        for part in np.split(samples, range(RATE // fps, len(samples), RATE // fps)):
            film.write(torch.zeros(32, 64, 3, dtype=torch.uint8))
            film.write_sound(part)
    return path


def of_scene(path: Path) -> tuple[bytes, Block]:
    """Return a clip's sound as a scene keeps it, and decoded again."""
    track = clip_sound(open_clip(path))
    assert track is not None
    assert track.is_ambisonic
    content = encoded(track, SECONDS)
    kept = find_track(content, "a scene")
    assert kept is not None
    assert kept.is_ambisonic
    reader = SoundReader(kept)
    heard = reader.read(0, round(SECONDS * RATE))
    reader.close()
    return content, heard


def direction(samples: Block, lowest_hz: float, highest_hz: float) -> Vector:
    """Return the unit vector east, up, north that a band of frequencies comes from."""
    spectrum = np.fft.rfft(samples * np.hanning(len(samples))[:, None], axis=0)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    w, y, z, x = spectrum[(hertz > lowest_hz) & (hertz < highest_hz)].T
    flow = np.array([(np.conj(w) * each).real.sum() for each in (-y, z, x)])
    return np.asarray(flow / np.linalg.norm(flow))


def towards(place: tuple[float, float, float]) -> Vector:
    away = np.subtract(place, EYE)
    return np.asarray(away / np.linalg.norm(away))


def angle_deg(one: Vector, other: Vector) -> float:
    return math.degrees(math.acos(np.clip(one @ other, -1, 1)))


def lantern() -> tuple[float, float, float]:
    """Return the highest point of the lighthouse: the roof of its lantern."""
    far = [p for p in town() if isinstance(p.solid, Frustum) and p.at[2] > 70]
    top = max(far, key=lambda placed: placed.sphere[0][1])
    return top.sphere[0]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_the_bell_rings_at_the_lighthouse_in_a_scene_too(
    loop: Block, tmp_path: Path, suffix: str
) -> None:
    content, heard = of_scene(written(tmp_path / f"a.{suffix}", loop))
    assert len(content) < 150_000
    for samples in (loop, heard):
        for hertz in BELL_HZ:
            found = direction(samples[RATE // 2 : 2 * RATE], hertz - 3, hertz + 3)
            assert angle_deg(found, towards(lantern())) < 10
    ears = heard[RATE // 2 : 2 * RATE] @ ear_gains(Look.from_degrees(-40.0, 0.0))
    pitch = np.abs(np.fft.rfft(ears, axis=0))[np.round(np.multiply(BELL_HZ, 1.5)).astype(int)]
    assert (pitch[:, 1] > 2 * pitch[:, 0]).all()


def test_gulls_cry_where_they_fly(loop: Block) -> None:
    flocks = [
        mover for mover in movers() if mover.centre in ((3.0, 11.0, 24.0), (-9.0, 26.5, -33.0))
    ]
    nearest = []
    for start in np.arange(0, SECONDS - 0.2, 0.1):
        part = loop[round(start * RATE) : round((start + 0.2) * RATE)]
        found = direction(part, 3000, 5000)
        phase = (start + 0.1) / SECONDS
        birds = [
            placed.at
            for flock in flocks
            for placed in flock.at(phase)
            if isinstance(placed.solid, Ellipsoid)
        ]
        nearest.append(min(angle_deg(found, towards(bird)) for bird in birds))
    # Five cries of a second or less each fill more than half of the loop.
    assert np.mean(np.array(nearest) < 6) > 0.5


def assert_no_click(samples: Block) -> None:
    """Fail if the loop bends more at its seam than 999 of 1,000 samples do."""
    bend = np.abs(np.diff(np.concatenate([samples, samples[:2]]), 2, axis=0)).max(1)
    assert bend[-2:].max() <= np.quantile(bend, 0.999)


@pytest.mark.parametrize("seconds", [0.04, SECONDS, 23.017])
def test_the_loop_has_no_click(seconds: float) -> None:
    samples = whole(seconds)
    assert len(samples) == round(seconds * RATE)
    assert 0.001 < np.abs(samples).max() < 1
    assert_no_click(samples)


def test_a_scene_s_loop_has_no_click(loop: Block, tmp_path: Path) -> None:
    _, heard = of_scene(written(tmp_path / "a.mp4", loop))
    assert_no_click(heard)


def test_blocks_follow_each_other(loop: Block) -> None:
    sound = HarbourSound(SECONDS)
    blocks = [sound.block(start, 2400) for start in range(0, 240_000, 2400)]
    assert np.abs(np.concatenate(blocks) - loop).max() < 0.02
