"""A scene's own clip beside it: by the command line, and dropped on the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import platformdirs
import pytest
import torch

from nerv360.metrics.similarity import cut_viewport
from nerv360.scene import FingerprintMaker, read_scene, write_scene
from nerv360.video import Clip, open_clip
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.opening import DeviceChoice, open_file
from nerv360.viewer.opening.scene import prepare_scene
from nerv360.viewer.settings import Settings
from tests.support.clips import encode
from tests.support.fake_engine import psnr, sphere_panorama
from tests.support.running import image, press, run_until, settle
from tests.support.scenes import tiny_scene

FRAMES = 9
CPU = torch.device("cpu")
load = partial(open_file, choice=DeviceChoice("cpu"))


def write(path: Path, first: int = 0, frames: int = FRAMES, crf: int = 8) -> Path:
    pictures = [sphere_panorama(48, 96, first + frame).byte() for frame in range(frames)]
    return encode(path, pictures, parameters=f"crf={crf}:bframes=2")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "pier.mp4")


@pytest.fixture
def scene(clip: Path, tmp_path: Path) -> Path:
    """Return a scene that was trained on the clip, as far as its fingerprint says."""
    contents, maker = tiny_scene("nerv360", "hnerv", frames=FRAMES), FingerprintMaker(FRAMES)
    for index, picture in enumerate(open_clip(clip)):
        maker.see(index, picture)
    contents.fingerprint = maker.fingerprint
    write_scene(tmp_path / "scene.safetensors", contents)
    return tmp_path / "scene.safetensors"


@pytest.fixture
def app(open_app: Callable[..., App], scene: Path) -> App:
    """Return the scene in a window without overlay, paused."""
    prepared = prepare_scene(read_scene(scene), scene, DeviceChoice("cpu"))
    app = open_app(prepared, load=load, settings=Settings(inertia=False, overlay=False))
    settle(app)
    return app


def drop(app: App, *paths: Path) -> str:
    """Drop files and wait for what is said of them."""
    app.messages.notify("")
    app.input.dropped(list(paths))
    run_until(app, lambda: not app.loader.opening and app.messages.text)
    return app.messages.text or ""


def shows_original(app: App, clip: Path, frame: int) -> bool:
    """Check that the upper half of the window shows this picture of the clip."""
    settle(app)
    drawing = image(app)
    view = 255 * cut_viewport(list(open_clip(clip))[frame], app.camera.look(), *drawing.shape[:2])
    half = drawing.shape[0] // 2
    return psnr(drawing[:half], view[:half]) > 30


def test_a_dropped_clip_is_a_decoder_more(app: App, clip: Path) -> None:
    said = drop(app, clip)
    assert said == (
        "pier.mp4 is beside the scene (Tab, C): the pictures that the scene was trained on."
    )
    assert app.panes.scene.decoders == ("nerv360", "original", "hnerv")
    assert app.panes.shown == ("nerv360",), "what was shown stays"
    press(app, "TAB")
    assert app.panes.shown == ("original",)
    for frame in (0, 7, 3):
        app.playback.seek(frame)
        assert shows_original(app, clip, frame)
    rows = dict(app.status.rows())
    assert (rows["Decoder"], rows["Engine"]) == ("original", "PyAV, h264 on cpu")


def test_both_are_shown_side_by_side_with_their_costs(app: App, clip: Path) -> None:
    drop(app, clip)
    press(app, "C")
    assert app.panes.shown == ("nerv360", "original")
    settle(app)
    assert [renderer.picture is not None for renderer in app.panes.renderers] == [True, True]
    frames = [renderer.picture.frame for renderer in app.panes.renderers if renderer.picture]
    assert frames == [0, 0]
    cost = app.panes.scene.cost("original")
    assert (cost.pixels, cost.full_frame) == (48 * 96, True)
    assert cost.peak_bytes > 48 * 96 * 4
    drop(app, clip)
    assert app.panes.shown == ("nerv360", "original"), "dropped again it is what it was"
    settle(app)


def test_another_clip_is_refused_and_all_stays(app: App, tmp_path: Path) -> None:
    for other, sentence in (
        (write(tmp_path / "other.mp4", first=4), "shows other pictures than"),
        (write(tmp_path / "short.mp4", frames=5), "has 5 pictures but"),
    ):
        said = drop(app, other)
        assert sentence in said
        assert said.endswith(f"or open it alone: `nerv360 view {other.name}`")
    assert app.panes.scene.decoders == ("nerv360", "hnerv")


def test_encoded_again_it_is_told_as_such(app: App, tmp_path: Path) -> None:
    again = write(tmp_path / "again.mp4", crf=24)
    assert "encoded again, or decoded by another program" in drop(app, again)
    assert "original" in app.panes.scene.decoders


def test_a_scene_and_its_clip_can_be_dropped_together(
    open_app: Callable[..., App], scene: Path, clip: Path
) -> None:
    other = tiny_scene("hnerv")
    app = open_app(
        prepare_scene(other, scene, DeviceChoice("cpu")),
        load=load,
        settings=Settings(overlay=False),
    )
    app.playback.playing = False
    drop(app, clip, scene)
    run_until(app, lambda: "original" in app.panes.scene.decoders)
    assert app.panes.scene.decoders == ("nerv360", "original", "hnerv")


def test_a_clip_for_a_scene_that_has_gone_is_not_put_beside_another(
    app: App, scene: Path, clip: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(index: Clip) -> str:
        begun.set()
        assert go_on.wait(60)
        return "compared"

    app.open(replace(app.panes.scene, sameness=slow), "nerv360")
    app.input.dropped([clip])
    run_until(app, begun.is_set)
    app.open(prepare_scene(tiny_scene("hnerv"), scene, DeviceChoice("cpu")), "hnerv")
    go_on.set()
    run_until(app, lambda: not app.loader.opening)
    assert app.panes.scene.decoders == ("hnerv",)


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize("options", [[], ["--decoder", "original", "--frame", "8"]])
def test_view_takes_it(
    options: list[str], scene: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, ...]] = []

    def run(app: App, *_: object) -> None:
        app.playback.playing = False
        settle(app)
        shown.extend([app.panes.shown, app.panes.scene.decoders])

    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    monkeypatch.setattr(App, "run", run)
    assert main(["view", str(scene), "--video", str(clip), *options]) == 0
    first = "original" if options else "nerv360"
    assert shown == [(first,), ("nerv360", "original", "hnerv")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["scene.safetensors", "--video", "other.mp4"], "--video: other.mp4 shows other pictures"),
        (["scene.safetensors", "--video", "large.mp4"], "--video: large.mp4 shows other pictures"),
        (["scene.safetensors", "--video", "gone.mp4"], "--video: gone.mp4 does not exist"),
        (["scene.safetensors", "--video", "."], "--video: . holds no picture"),
        (["scene.safetensors", "--decoder", "original"], "--decoder: the scene has no decoder"),
        (["pier.mp4", "--video", "other.mp4"], "--video: pier.mp4 is a video already"),
    ],
)
@pytest.mark.usefixtures("scene")
def test_view_refuses_another_before_a_window_opens(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "other.mp4", first=4)
    encode(tmp_path / "large.mp4", [sphere_panorama(64, 128).byte()] * FRAMES)
    monkeypatch.chdir(tmp_path)
    assert main(["view", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
