"""Paths made and followed in a real window."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.trajectories import TrajectoryWriter
from nerv360.trajectories.reading import read_trajectory
from nerv360.viewer.app import App
from nerv360.viewer.settings import Settings
from tests.support.fake_engine import FakeEngine
from tests.support.hand import CallbackHand
from tests.support.running import press, run_until
from tests.support.sphere_scene import FPS, FRAMES, sphere_scene

STEP = 1 / 32
"""Seconds of one turn: exact in binary, so that times can be compared."""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, open_app: Callable[..., App], tmp_path: Path) -> App:
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path / "Documents")
    opened = open_app(
        sphere_scene(lambda: FakeEngine((90, 160), frames=FRAMES)),
        lambda path: read_trajectory(str(path)),
        settings=Settings(inertia=False),
    )
    opened.playback.playing = True
    # The display's own focus comes and goes, and with it keys would be let go in mid-test.
    monkeypatch.setattr(opened.input, "focus_lost", lambda: None)
    return opened


def record(app: App, tmp_path: Path) -> tuple[Path, list[tuple[int, Look]]]:
    """Return a path made by keys and mouse, and what was shown on the way."""
    hand = CallbackHand(app.window)
    app.camera.look_at(Look.from_degrees(172, 0))
    press(app, "R")
    shown: list[tuple[int, Look]] = []

    def turns(count: int) -> None:
        for _ in range(count):
            app.update(STEP)
            shown.append((app.playback.frame, app.camera.look()))

    hand.key("RIGHT", True)
    turns(12)
    hand.key("RIGHT", False)
    hand.key("UP", True)
    turns(6)
    hand.key("UP", False)
    hand.key("E", True)
    turns(5)
    hand.key("E", False)
    hand.move(300, 200)
    hand.button(True)
    for x in range(300, 200, -10):
        hand.move(x, 180)
        turns(1)
    hand.button(False)
    hand.wheel(2)
    turns(8)
    press(app, "R")
    (file,) = (tmp_path / "Documents").glob("*.csv")
    return file, shown


def test_a_recorded_path_replayed_without_a_window_gives_the_same_looks(
    app: App, tmp_path: Path
) -> None:
    file, shown = record(app, tmp_path)
    trajectory = read_trajectory(str(file))
    assert len(trajectory) == len(shown) == 41
    for index, (frame, look) in enumerate(shown):
        at = trajectory.look_at(index * STEP)
        assert trajectory.frame_at(index * STEP) == frame
        assert at.degrees()[1:] == pytest.approx(look.degrees()[1:], abs=1e-9)
        assert at.rotation() == pytest.approx(look.rotation(), abs=1e-12), index
    assert trajectory.yaw_deg.max() > 185, "yaw goes on across ±180°"
    assert abs(trajectory.yaw_deg[1:] - trajectory.yaw_deg[:-1]).max() < 30
    assert len({frame for frame, _ in shown}) > 5, "the clip played on"


def test_a_path_dropped_on_the_window_shows_the_same_looks_and_frames(
    app: App, tmp_path: Path
) -> None:
    file, shown = record(app, tmp_path)
    app.playback.loop = False

    def replay() -> list[tuple[int, Look]]:
        app.camera.look_at(Look())
        app.playback.seek(0)
        app.input.dropped([file])
        run_until(app, lambda: app.gaze.replay, 0.0)
        seen = [(app.playback.frame, app.camera.look())]
        while app.gaze.replay is not None:
            app.update(STEP)
            seen.append((app.playback.frame, app.camera.look()))
        return seen

    first = replay()
    assert first == replay(), "every replay is the same"
    assert [frame for frame, _ in first] == [frame for frame, _ in shown]
    for (_, a), (_, b) in zip(first, shown, strict=True):
        assert a.rotation() == pytest.approx(b.rotation(), abs=1e-12)
        assert a.hfov == pytest.approx(b.hfov)
    assert app.messages.text is not None
    assert "has ended" in app.messages.text


def test_a_hand_takes_over_from_a_path(app: App) -> None:
    app.gaze.follow(read_trajectory("jvet:balboa-vp0"))
    app.update(STEP)
    led = app.camera.look()
    app.update(STEP)
    assert app.camera.look() != led
    press(app, "SPACE")
    paused = app.camera.look()
    for _ in range(4):
        app.update(STEP)
    assert app.camera.look() == paused, "a pause pauses the path"
    press(app, "SPACE")
    app.update(STEP)
    assert app.camera.look() != paused
    CallbackHand(app.window).wheel(2)
    app.update(STEP)
    assert app.gaze.replay is None
    assert app.messages.text is not None
    assert "gaze path stops" in app.messages.text
    frame = app.playback.frame
    for _ in range(8):
        app.update(STEP)
    assert app.playback.frame != frame, "the clip plays on"


def test_a_path_begins_again_where_the_clip_loops(app: App) -> None:
    app.gaze.follow(read_trajectory("jvet:landing-vp1"))
    app.update(STEP)
    first = app.camera.look(), app.playback.frame
    seen = []
    for _ in range(int(FRAMES / FPS / STEP) + 3):
        app.update(STEP)
        seen.append((app.camera.look(), app.playback.frame))
    assert first in seen


def test_every_row_is_safe_before_the_recording_ends(app: App, tmp_path: Path) -> None:
    press(app, "R")
    for count in range(1, 6):
        app.update(STEP)
        (file,) = (tmp_path / "Documents").glob("*.csv")
        assert len(read_trajectory(str(file))) == count
    header = file.read_text().splitlines()[:3]
    assert header[0] == "# nerv360 trajectory 1"
    assert header[1] == "# scene: a sphere"
    assert header[2].startswith("# version: ")
    app.open(sphere_scene(title="another"), "one")
    assert app.gaze.recorder.path is None, "another scene is another path"
    assert app.messages.text == f"Saved {file}"


def test_two_recordings_are_two_files(app: App, tmp_path: Path) -> None:
    for _ in range(2):
        press(app, "R")
        app.update(STEP)
        press(app, "R")
    assert len(list((tmp_path / "Documents").glob("*.csv"))) == 2


def test_a_recording_shows_and_what_cannot_be_written_is_said(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app.overlay.visible = False
    (tmp_path / "Documents").write_text("a file where the folder should be")
    press(app, "R")
    assert app.messages.text is not None
    assert app.messages.text.startswith("The gaze path cannot be recorded: ")
    assert str(tmp_path / "Documents") in app.messages.text
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path)
    press(app, "R")
    app.update(STEP)
    begun = app.gaze.recorder.path
    assert begun is not None
    monkeypatch.setattr(TrajectoryWriter, "append", _disk_full)
    app.update(STEP)
    assert app.gaze.recorder.path is None
    assert app.messages.text == "the disk is full"


def _disk_full(*_: object) -> None:
    raise InputError("the disk is full")


def test_a_recording_that_was_cut_off_says_so_when_it_is_followed(app: App, tmp_path: Path) -> None:
    file, _ = record(app, tmp_path)
    file.write_text(file.read_text()[:-3])
    app.input.dropped([file])
    run_until(app, lambda: not app.loader.opening, 0.0)
    assert app.gaze.replay is not None
    assert len(app.gaze.replay.trajectory) == 40
    assert app.messages.text == f"{file}: the last row was cut off and is left out"


def test_a_path_with_frames_that_the_clip_lacks_is_refused(app: App, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(
        "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg\n0,0,0,0,0,78\n1,10,5,0,0,78\n"
    )
    app.input.dropped([path])
    run_until(app, lambda: not app.loader.opening, 0.0)
    assert app.messages.text is not None
    assert "shows frame 10 but the clip has only 10 frames" in app.messages.text
    assert app.gaze.replay is None


def test_the_clip_the_path_and_the_recording_keep_to_the_clock_in_slow_turns(
    app: App, tmp_path: Path
) -> None:
    app.playback.loop = False
    press(app, "R")
    app.update(0.0)
    for _ in range(2):
        app.update(0.375)
    assert app.playback.frame == 7, "0.75 s of ten pictures a second"
    press(app, "R")
    (file,) = (tmp_path / "Documents").glob("*.csv")
    assert read_trajectory(str(file)).time_s.tolist() == [0.0, 0.375, 0.75]
    app.gaze.follow(read_trajectory("jvet:landing-vp1"))
    app.update(0.5)
    assert app.gaze.replay is not None
    assert app.gaze.replay.seconds == 0.5


def test_the_end_says_where_a_running_recording_is(
    app: App,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    press(app, "R")
    app.update(STEP)
    (file,) = (tmp_path / "Documents").glob("*.csv")
    with caplog.at_level(logging.INFO, "nerv360"):
        app.close()
    monkeypatch.setattr(app, "close", lambda: None)  # once is all it may be
    assert f"recording saved: {file}" in caplog.text
    assert len(read_trajectory(str(file))) == 1
