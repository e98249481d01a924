"""Films of a window, whose clock is the film's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.video import open_clip
from nerv360.video.writing import VideoWriter
from nerv360.viewer.input.wander import DURATION_S, wandering_path
from nerv360.viewer.picture.film import Film


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    hand_set = Clock()
    with patch("nerv360.viewer.picture.film.time", hand_set):
        yield hand_set


def grey(level: int, height: int = 36, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def levels(path: Path) -> list[int]:
    return [round(float(frame.float().mean())) for frame in open_clip(path)]


def test_each_picture_is_shown_until_the_next(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "film.mp4"
    with Film(path, 64, 36, fps=10) as film:
        for seconds, level in ((0.0, 50), (0.12, 100), (0.17, 0), (0.52, 200)):
            clock.now = 100 + seconds
            if film.due():
                film.take(grey(level))
        clock.now = 100.72
    assert open_clip(path).info.fps == 10
    shown = levels(path)
    expected = [50, 100, 100, 100, 100, 200, 200]
    assert np.abs(np.subtract(shown, expected)).max() <= 3


def test_a_resized_window_keeps_the_films_size(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "film.mp4"
    with Film(path, 65, 37, fps=10) as film:
        for step, size in enumerate([(37, 65), (80, 100), (20, 30)]):
            clock.now = 100 + step * 0.11
            assert film.due()
            film.take(grey(200, *size))
        clock.now = 100.35
    info = open_clip(path).info
    assert (info.width, info.height, info.frames) == (64, 36, 3)
    shown = levels(path)
    assert shown[0] > 190
    assert shown[2] == pytest.approx(200 * 20 * 30 / (36 * 64), abs=6)


def test_nothing_shown_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"film\.mp4 was not written: no picture"),
        Film(tmp_path / "film.mp4", 64, 36),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_at_the_end(tmp_path: Path, clock: Clock) -> None:
    """The window must not end for it."""
    film = Film(tmp_path / "film.mp4", 64, 36, fps=10)
    full = OSError(28, "No space left on device")
    with (
        patch.object(VideoWriter, "write", side_effect=full),
        pytest.raises(InputError, match=r"film\.mp4 cannot be written: no space left"),
        film,
    ):
        for step in range(30):
            clock.now = 100 + step * 0.11
            if film.due():
                film.take(grey(80))
    assert list(tmp_path.iterdir()) == []


def test_the_look_wanders_over_the_sphere_and_back() -> None:
    path = wandering_path(50, 20.0)
    path.check_frames(50)
    assert path.duration_s == DURATION_S
    assert path.look_at(0.0) == Look.from_degrees(0, 0)
    assert path.yaw_deg[-1] == pytest.approx(360)
    assert path.pitch_deg[-1] == pytest.approx(0, abs=1e-9)
    assert (np.diff(path.yaw_deg) > 0).all()
    steps = [path.step_at(k / 20, 50, 20.0).frame for k in range(200)]
    assert steps == [k % 50 for k in range(200)]
