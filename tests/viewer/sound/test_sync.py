"""Clicks are heard when flashes are seen: a real window, a real sound server, a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.video import open_clip
from nerv360.viewer.app import App
from nerv360.viewer.opening.clip import prepare_clip
from nerv360.viewer.picture.screenshot import capture
from nerv360.viewer.settings import Settings
from tests.support.null_sink import NullSink, missing_programs
from tests.support.sounds import clicks, pictures, sounding_clip

MISSING = missing_programs()
pytest.importorskip("miniaudio")
EVERY_S = 0.5
TOLERANCE_S = 0.04

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture
def sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    """Yield a sound server that the player finds."""
    opened = NullSink(tmp_path)
    for name, value in opened.environment.items():
        monkeypatch.setenv(name, value)
    yield opened
    opened.close()


@pytest.fixture
def app(open_app: Callable[..., App], tmp_path: Path, sink: NullSink) -> App:
    """Return a window on a clip that flashes and clicks twice a second."""
    path = sounding_clip(tmp_path / "clicks.mp4", clicks(8.0), seen=pictures(8.0, EVERY_S))
    return open_app(prepare_clip(open_clip(path)), settings=Settings(overlay=False))


def run(app: App, seconds: float) -> list[float]:
    """Run the window for a while; return the times at which flashes begin.

    A machine that is too busy to show the clip in time skips the test.
    """
    flashes: list[float] = []
    turns: list[float] = []
    end, last, was_white = time.perf_counter() + seconds, time.perf_counter(), True
    while (now := time.perf_counter()) < end:
        app.turn(now - last)
        last = now
        turns.append(time.perf_counter() - now)
        white = float(capture(app.window)[::16, ::16].mean()) > 128
        if white and not was_white:
            flashes.append(time.perf_counter())
        was_white = white
    if seconds > 2 and np.quantile(turns, 0.95) > TOLERANCE_S:
        pytest.skip("other programs keep the machine from showing the clip in time")
    return flashes


def differences(flashes: list[float], heard: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much later than each flash the nearest click is."""
    assert len(heard)
    return np.array([heard[np.abs(heard - flash).argmin()] - flash for flash in flashes])


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_clicks_are_in_time_with_flashes(app: App, sink: NullSink, speed: float) -> None:
    app.playback.playing, app.playback.speed = True, speed
    run(app, 1.0)
    with sink.recorded() as recording:
        flashes = run(app, 5.0)
    late = differences(flashes, recording.clicks())
    assert len(late) >= 8
    assert abs(np.median(late)) <= TOLERANCE_S


def test_they_are_after_twenty_jumps(app: App, sink: NullSink) -> None:
    app.playback.playing = True
    run(app, 1.0)
    for jump in range(20):
        app.playback.seek((jump * 77) % app.playback.frames)
        run(app, 0.15)
    with sink.recorded() as recording:
        flashes = run(app, 4.0)
    late = differences(flashes, recording.clicks())
    assert len(late) >= 6
    assert abs(np.median(late)) <= TOLERANCE_S


def test_pause_and_mute_are_silent_and_the_clip_goes_on_without_a_server(
    app: App, sink: NullSink
) -> None:
    app.playback.playing = True
    run(app, 1.0)
    app.playback.playing = False
    run(app, 0.3)
    with sink.recorded() as recording:
        run(app, 1.0)
        app.sound.muted = app.playback.playing = True
        run(app, 1.5)
        assert not len(recording.clicks())
        app.sound.muted = False
        run(app, 1.5)
    assert len(recording.clicks())
    sink.process.terminate()
    before = app.playback.seconds
    run(app, 4.5)
    assert "goes on without sound" in (app.messages.text or "")
    assert app.playback.seconds != before
