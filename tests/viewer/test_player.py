"""A clip in a real window: played, stepped, sought, dropped and broken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import platformdirs
import pytest
from PIL import Image

from nerv360.geometry import Look
from nerv360.metrics.similarity import cut_viewport
from nerv360.video import open_clip
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.opening import DeviceChoice, open_file
from nerv360.viewer.opening.clip import prepare_clip
from nerv360.viewer.settings import Settings
from tests.support.clips import damaged, encode, projection, with_metadata
from tests.support.fake_engine import psnr, sphere_panorama
from tests.support.running import image, press, run_until, settle
from tests.support.sphere_scene import sphere_scene

FRAMES = 40
SIZE = (128, 256)
load = partial(open_file, choice=DeviceChoice("cpu"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sphere that `FakeEngine` draws, as a video."""
    pictures = [sphere_panorama(*SIZE, frame).byte() for frame in range(FRAMES)]
    return encode(tmp_path_factory.mktemp("clip") / "sphere.mp4", pictures)


@pytest.fixture
def player(open_app: Callable[..., App], clip: Path) -> App:
    """Return the clip in a window without overlay, paused at its beginning."""
    scene = prepare_clip(open_clip(clip))
    app = open_app(scene, load=load, settings=Settings(inertia=False, overlay=False))
    settle(app)
    return app


def shows(app: App, path: Path, frame: int) -> bool:
    """Check that the window, above its messages, shows this picture and neither neighbour."""
    settle(app)
    drawing = image(app)
    pictures, half = list(open_clip(path)), drawing.shape[0] // 2
    like = []
    for at in (frame - 1, frame, (frame + 1) % FRAMES):
        view = 255 * cut_viewport(pictures[at], app.camera.look(), *drawing.shape[:2])
        like.append(psnr(drawing[:half], view[:half]))
    return max(like) == like[1] > 30


def test_it_steps_seeks_and_plays_to_exact_frames(player: App, clip: Path) -> None:
    playback = player.playback
    assert (playback.frames, playback.fps) == (FRAMES, 25)
    assert shows(player, clip, 0)
    playback.step(1)
    assert shows(player, clip, 1)
    for frame in (33, 7, 38, 20):
        playback.seek(frame)
        assert shows(player, clip, frame)
    player.camera.look_at(Look(2.0, -0.4))
    playback.step(-1)
    assert shows(player, clip, 19)
    press(player, "SPACE")
    assert playback.playing
    run_until(player, lambda: playback.frame > 25)
    press(player, "SPACE")
    assert shows(player, clip, playback.frame)


def test_its_statistics_are_those_of_any_decoder(player: App) -> None:
    rows = dict(player.status.rows())
    assert rows["Decoder"] == "original"
    assert rows["Engine"] == "PyAV, h264 on cpu"
    assert rows["Picture"] == "256×128"
    assert rows["Decode"].endswith(" ms")
    press(player, "C")
    assert player.messages.text == "There is nothing to compare with: this scene has one decoder."


def test_a_dropped_clip_opens_and_one_that_cannot_says_why(
    open_app: Callable[..., App], clip: Path, tmp_path: Path
) -> None:
    app = open_app(sphere_scene(), load=load, settings=Settings(overlay=False))
    settle(app)
    flat = encode(tmp_path / "flat.mp4", [sphere_panorama(90, 160).byte()])
    app.input.dropped([flat])
    run_until(app, lambda: app.messages.text and "flat.mp4 is 160x90" in app.messages.text)
    assert app.panes.scene.title == "a sphere", "what was open stays open"
    app.input.dropped([clip])
    run_until(app, lambda: app.panes.scene.title == "sphere.mp4")
    app.playback.playing = False
    app.playback.seek(5)
    assert shows(app, clip, 5)


def test_what_is_assumed_of_a_rate_is_said(open_app: Callable[..., App], tmp_path: Path) -> None:
    pictures = [sphere_panorama(48, 96, frame).byte() for frame in range(8)]
    times = [0, 33, 67, 100, 133, 333, 367, 400]
    path = encode(tmp_path / "uneven.mp4", pictures, times_ms=times)
    app = open_app(prepare_clip(open_clip(path)))
    assert app.messages.text is not None
    assert app.messages.text.startswith("uneven.mp4: its pictures come at uneven times")
    assert (app.playback.frames, app.playback.fps) == (13, 30)


def test_a_clip_that_breaks_in_the_middle_goes_on_after_it(
    open_app: Callable[..., App], clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(clip.read_bytes())
    damaged(path, 12, 24)
    app = open_app(prepare_clip(open_clip(path)), settings=Settings(overlay=False))
    settle(app)
    app.playback.seek(18)
    run_until(app, lambda: app.messages.text)
    assert app.messages.text == f"Frame 18 cannot be decoded: picture 18 of {path} is damaged"
    app.playback.seek(30)
    assert shows(app, clip, 30)
    app.playback.playing = True
    run_until(app, lambda: app.playback.frame == 10)
    run_until(app, lambda: app.playback.frame > 28)
    app.playback.playing = False
    assert shows(app, clip, app.playback.frame)


@pytest.mark.usefixtures("display")
def test_view_opens_a_clip(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    png = tmp_path / "shot.png"
    options = ["--size", "480x270", "--frame", "7", "--exit-after", "2", "--screenshot", str(png)]
    assert main(["view", str(clip), *options]) == 0
    with Image.open(png) as picture:
        assert picture.size == (480, 270)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 1000, "there is something"


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("sphere.mp4", ["--frame", "40"], "--frame 40: the scene has frames 0 to 39"),
        ("sphere.mp4", ["--decoder", "hnerv"], "--decoder: a video has no decoder hnerv"),
        ("sphere.mp4", ["--engine", "eager"], "--engine: a video is decoded by its own codec"),
        ("mesh.mp4", [], "says that its projection is mesh (mshp)"),
        ("text.mp4", [], "text.mp4 is text: give a scene, a 360° video"),
        ("gone.mkv", [], "gone.mkv does not exist"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_a_window_opens(
    name: str,
    options: list[str],
    sentence: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sphere.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "mesh.mp4").write_bytes(clip.read_bytes())
    with_metadata(tmp_path / "mesh.mp4", projection("mshp"))
    (tmp_path / "text.mp4").write_text("not a video\n")
    assert main(["view", str(tmp_path / name), *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
