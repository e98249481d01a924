"""A scene of several chapters in the window: it plays as one clip."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import nerv360
from nerv360.geometry import Look
from nerv360.rendering import render_view
from nerv360.scene import chapter_of, read_glimpse, read_scene, write_coded
from nerv360.scene.safetensors_file import read_contents
from nerv360.viewer.app import App
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.opening import DeviceChoice, first_sight, prepare_file
from nerv360.viewer.settings import Settings
from tests.support.running import image, press, run_until, settle
from tests.support.scenes import chaptered_scene

FIRSTS, FRAMES = (0, 3, 5), 9
READING = "nerv360.viewer.decode.chapter_file.read_scene"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_coded(path, chaptered_scene("nerv360", "hnerv")[0])
    return path


@pytest.fixture
def opened(file: Path) -> OpenScene:
    return prepare_file(file, DeviceChoice("cpu"))


@pytest.fixture
def open_app(open_app: Callable[..., App]) -> Callable[..., App]:
    """Without inertia and overlay, and a look that one picture covers."""

    def make(scene: OpenScene) -> App:
        app = open_app(scene, settings=Settings(inertia=False, overlay=False))
        app.camera.look_at(Look.from_degrees(30.0, 5.0, 0.0, 60.0))
        return app

    return make


def chapter_shown(app: App, file: Path) -> int:
    """Return the chapter of the still panorama on screen, by its pixels."""
    texture = app.renderer.still
    (pixels,) = (p for p, each in app.panes._still._kept if each is texture)
    glimpses = [read_glimpse(file, number) for number in range(len(FIRSTS))]
    (same,) = (n for n, g in enumerate(glimpses) if g and np.array_equal(g.still, pixels))
    return same


def assert_shows(app: App, file: Path, frame: int, decoder: str = "nerv360") -> None:
    """Check that the window shows ``frame`` over its own still panorama as `render` does."""
    picture = app.renderer.picture
    assert picture is not None
    assert picture.frame == frame
    assert chapter_shown(app, file) == chapter_of(FIRSTS, frame)[0]
    engine = nerv360.open_engine(file, decoder, "cpu")
    assert torch.equal(engine.decode(picture.look, frame).pixels, picture.pixels)
    width, height = app.window.framebuffer_size
    with patch.object(engine, "decode", lambda look, index: picture):
        wanted = render_view(engine, app.camera.look(), frame, height, width).float()
    assert (image(app) - wanted).abs().mean() < 3


def test_frames_of_every_chapter_are_those_that_render_writes(
    file: Path, opened: OpenScene, open_app: Callable[..., App]
) -> None:
    app = open_app(opened)
    covered = set[bool]()
    for frame in (0, 2, 3, 4, 8, 0, 6):
        app.playback.seek(frame)
        settle(app)
        assert_shows(app, file, frame)
        assert app.renderer.picture is not None
        covered.add(bool(app.renderer.picture.pixels[..., 3].any()))
    assert covered == {True, False}, "of some, nothing moves"
    press(app, "TAB")
    run_until(app, lambda: app.panes.decoder == "hnerv" and app.panes.opening is None)
    settle(app)
    assert_shows(app, file, 6, "hnerv")
    press(app, "C")
    app.playback.seek(1)
    settle(app)
    assert {it.picture.frame for it in app.panes.renderers if it.picture} == {1}
    assert app.panes.renderers[0].still is app.panes.renderers[1].still
    assert chapter_shown(app, file) == 0


def test_it_plays_across_boundaries_and_loops(
    file: Path, opened: OpenScene, open_app: Callable[..., App]
) -> None:
    app, seen = open_app(opened), set[tuple[int, int]]()
    settle(app)
    app.playback.playing = True
    rounds: list[int] = []

    def watched() -> bool:
        picture = app.renderer.picture
        assert picture is not None, "the still panorama never takes its place"
        seen.add((picture.frame, chapter_shown(app, file)))
        rounds.append(picture.frame)
        return len(seen) == FRAMES and 0 in rounds[rounds.index(FRAMES - 1) :]

    run_until(app, watched, 0.02)
    assert seen == {(frame, chapter_of(FIRSTS, frame)[0]) for frame in range(FRAMES)}


def test_the_next_chapter_is_opened_before_it_begins(
    opened: OpenScene, open_app: Callable[..., App]
) -> None:
    by = list[tuple[int, str]]()

    def noted(path: Path, only: str, chapter: int, **given: Any) -> nerv360.Scene:
        scene = read_scene(path, only, chapter=chapter, **given)
        by.append((chapter, threading.current_thread().name))
        return scene

    def opening() -> bool:
        return any(thread.name == "chapter" for thread in threading.enumerate())

    with patch(READING, noted):
        app = open_app(opened)
        for frame in (0, 3, 5, 0):
            app.playback.seek(frame)
            settle(app)
            run_until(app, lambda: not opening())
    assert by == [(1, "chapter"), (2, "chapter"), (1, "chapter")]


def test_it_says_once_when_the_first_picture_came(
    opened: OpenScene, open_app: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nerv360")
    app = open_app(opened)
    for frame in (0, 6):
        settle(app)
        app.panes._panes[0].show_only(None, 0)  # as a late chapter does
        app.playback.seek(frame + 1)
    settle(app)
    assert len([text for text in caplog.messages if text.startswith("first picture")]) == 1


def test_after_a_jump_the_still_panorama_comes_first(
    file: Path, opened: OpenScene, open_app: Callable[..., App]
) -> None:
    gate = threading.Event()

    def held(path: Path, only: str, chapter: int, **given: Any) -> nerv360.Scene:
        assert gate.wait(60)
        return read_scene(path, only, chapter=chapter, **given)

    def unpacked(*_: object) -> None:
        raise AssertionError("the window has unpacked it")

    app = open_app(opened)
    with patch(READING, held), patch("nerv360.scene.still.unpack", unpacked):
        settle(app)
        app.playback.seek(7)
        run_until(app, lambda: app.renderer.picture is None)
        assert chapter_shown(app, file) == 2
        gate.set()
        settle(app)
    assert_shows(app, file, 7)


def test_a_run_begins_with_the_still_panorama_of_its_first_frame(
    file: Path, open_app: Callable[..., App]
) -> None:
    start = first_sight(file, None, "cpu", frame=4)
    assert start is not None
    assert start.rest is not None
    app = open_app(start.scene)
    app.step(0.0)
    assert chapter_shown(app, file) == 1
    app.arrivals.read_on(start.rest)
    app.playback.seek(4)
    app.arrivals.begin()
    run_until(app, lambda: app.panes.scene.whole)
    settle(app)
    assert_shows(app, file, 4)


def test_a_damaged_chapter_is_one_sentence(
    file: Path, tmp_path: Path, open_app: Callable[..., App]
) -> None:
    tensors = load_file(file)
    tensors["0001/nerv360.embeddings"].fill_(255)
    damaged = tmp_path / "damaged.safetensors"
    save_file(tensors, damaged, read_contents(file).metadata)
    app = open_app(prepare_file(damaged, DeviceChoice("cpu")))
    settle(app)
    app.playback.seek(3)
    run_until(app, lambda: app.messages.text)
    text = app.messages.text
    assert text is not None
    assert text.startswith("Frame 3 cannot be decoded: ")
    assert "damaged.safetensors is damaged" in text
    app.playback.seek(6)
    settle(app)
    assert app.renderer.picture is not None
    assert (app.renderer.picture.frame, chapter_shown(app, file)) == (6, 2)


def test_a_file_that_has_changed_is_one_sentence(
    file: Path, tmp_path: Path, open_app: Callable[..., App]
) -> None:
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(file.read_bytes())
    app = open_app(prepare_file(changed, DeviceChoice("cpu")))
    changed.write_bytes(b"other")
    settle(app)
    app.playback.seek(6)
    run_until(app, lambda: app.messages.text)
    assert "has changed since it was opened: open it again" in str(app.messages.text)
