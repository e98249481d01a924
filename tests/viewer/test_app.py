"""The whole application in a real window, driven by a hand."""

from __future__ import annotations

import itertools
import math
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.trajectories.reading import read_trajectory
from nerv360.trajectories.trajectory import Trajectory
from nerv360.viewer.app import App
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.input.drag import ray_through
from nerv360.viewer.picture.window import Window
from nerv360.viewer.settings import Settings
from tests.support.fake_engine import FakeEngine, psnr, sphere_viewport
from tests.support.hand import CallbackHand, Hand, XHand
from tests.support.running import image, run_until, settle
from tests.support.sphere_scene import FRAMES, sphere_scene


@pytest.fixture
def open_app(open_app: Callable[..., App]) -> Callable[..., App]:
    """Without inertia and overlay."""
    return partial(open_app, settings=Settings(inertia=False, overlay=False))


@pytest.fixture(params=["callbacks", "x"])
def hand(request: pytest.FixtureRequest, window: Window) -> Hand:
    if request.param == "callbacks":
        return CallbackHand(window)
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    return XHand(window)


def test_a_session_by_hand(
    open_app: Callable[..., App],
    hand: Hand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path)
    app = open_app()
    settle(app)
    window = app.window
    width, height = window.size
    assert psnr(image(app), sphere_viewport(Look(), height, width)) > 38

    # A drag: the point under the cursor stays under it, in the look and in the picture.
    start, end = (400, 120), (290, 205)
    before = image(app)

    def point(x: int, y: int) -> tuple[float, float]:
        return x / width * 2 - 1, (height - 2 * y) / width

    def at(*position: int) -> bool:
        return app.input.position == position

    hand.move(*start)
    run_until(app, partial(at, *start))
    held = Look().rotation() @ ray_through(point(*start), Look().hfov)
    hand.button(True)
    run_until(app, lambda: app.camera.dragging)
    for share in (0.25, 0.5, 0.75, 1.0):
        x, y = (round(a + share * (b - a)) for a, b in zip(start, end, strict=True))
        hand.move(x, y)
        run_until(app, partial(at, x, y))
    dragged = app.camera.look()
    assert dragged.yaw > math.radians(10)
    assert dragged.pitch > math.radians(5)
    now = dragged.rotation() @ ray_through(point(*end), dragged.hfov)
    assert np.allclose(now, held, atol=1e-6)
    after = image(app)
    assert psnr(after, sphere_viewport(dragged, height, width)) > 35
    assert (after[end[1], end[0]] - before[start[1], start[0]]).abs().max() <= 6
    assert (after - before).abs().mean() > 10
    hand.button(False)
    run_until(app, lambda: not app.camera.dragging)
    settle(app)
    assert app.camera.look() == dragged, "without inertia nothing moves on"

    hand.wheel(3)
    run_until(app, lambda: app.camera.look().hfov < math.radians(65))
    hand.key("E", True)
    run_until(app, lambda: app.camera.look().roll > math.radians(8))
    hand.key("E", False)
    hand.key("LEFT", True)
    run_until(app, lambda: app.camera.look().yaw < dragged.yaw - math.radians(3))
    hand.key("LEFT", False)
    settle(app)
    rolled = app.camera.look()
    assert psnr(image(app), sphere_viewport(rolled, height, width)) > 35
    hand.key("HOME", True)
    hand.key("HOME", False)
    run_until(app, lambda: app.camera.look() == Look())

    # The clip: step, step back, play.
    hand.character(".")
    run_until(app, lambda: app.playback.frame == 1)
    settle(app)
    assert psnr(image(app), sphere_viewport(Look(), height, width, frame=1)) > 35
    hand.character(",")
    run_until(app, lambda: app.playback.frame == 0)
    hand.key("SPACE", True)
    hand.key("SPACE", False)
    run_until(app, lambda: app.playback.frame == 3)
    hand.key("SPACE", True)
    hand.key("SPACE", False)
    run_until(app, lambda: not app.playback.playing)
    settle(app)

    # The overlay and the keys are drawn over the picture, and hidden again.
    bare = image(app)
    hand.key("H", True)
    hand.key("H", False)
    run_until(app, lambda: app.overlay.visible)
    app.step(0.0)  # imgui measures a panel once before it shows it
    assert (image(app)[:100, :100] - bare[:100, :100]).abs().mean() > 10
    hand.character("?")
    run_until(app, lambda: app.keys.visible)
    app.step(0.0)
    shown = image(app)
    hand.key("F12", True)
    hand.key("F12", False)
    run_until(app, lambda: list(tmp_path.glob("*.png")))
    (file,) = tmp_path.iterdir()
    with Image.open(file) as picture:
        saved = torch.as_tensor(np.array(picture)).float()
    assert saved.shape == shown.shape
    assert (saved - shown).abs().mean() < 3

    # The end.
    hand.key("ESCAPE", True)
    hand.key("ESCAPE", False)
    app.run(exit_after=120)
    assert window.should_close
    assert app.worker.stop()
    assert not any(thread.name == "decode" for thread in threading.enumerate())


def test_the_display_keeps_its_rate_while_the_decoder_is_stuck(
    open_app: Callable[..., App],
) -> None:
    gate = threading.Semaphore(1)
    app = open_app(sphere_scene(lambda: FakeEngine((270, 480), frames=FRAMES, gate=gate)))
    settle(app)
    assert app.worker.report.decoded == 1
    shown, steps = app.displayed.total, 60
    looks = set()
    for i in range(steps):
        app.camera.look_at(Look.from_degrees(0.4 * i, 0.2 * i, 0.3 * i))
        app.step(1 / 60)
        looks.add(app.camera.look())
    assert app.displayed.total == shown + steps
    assert app.worker.report.decoded == 1, "the decoder had one permit"
    assert len(looks) == steps
    width, height = app.window.size
    truth = sphere_viewport(app.camera.look(), height, width)
    assert psnr(image(app), truth) > 33, "the old picture and the background show the newest look"
    gate.release(1000)
    settle(app)
    assert 2 <= app.worker.report.decoded <= 5, "the looks in between were not queued"


def test_nothing_is_decoded_and_little_is_drawn_while_nothing_changes(
    open_app: Callable[..., App],
) -> None:
    app = open_app()
    settle(app)
    decoded, drawn = app.worker.report.decoded, app.displayed.total
    began = time.monotonic()
    for _ in range(60):
        app.turn(1 / 60)
    assert app.worker.report.decoded == decoded
    refreshes = (time.monotonic() - began) / 0.1
    assert app.displayed.total - drawn <= refreshes + 1
    app.camera.look_at(Look.from_degrees(40, 0))
    drawn = app.displayed.total
    app.turn(1 / 60)
    assert app.displayed.total == drawn + 1


def test_tab_goes_through_the_decoders(open_app: Callable[..., App], window: Window) -> None:
    app, hand = open_app(), CallbackHand(window)

    def decodes(name: str) -> bool:
        engine = app.worker.report.engine
        return engine is not None and engine.name == name

    for name in ("one", "two", "one"):
        run_until(app, partial(decodes, name))
        hand.key("TAB", True)


def test_a_dropped_file_that_is_broken_is_a_sentence_and_the_scene_stays(
    open_app: Callable[..., App], tmp_path: Path
) -> None:
    app = open_app()
    settle(app)
    before = image(app)
    app.input.dropped([tmp_path / "holiday.jpg"])
    run_until(app, lambda: not app.loader.opening)
    assert app.messages.text == "holiday.jpg is not a scene; give a .safetensors file"
    assert app.panes.scene.title == "a sphere"
    after = image(app)
    assert (after - before)[:200].abs().max() <= 2, "the picture stays"
    assert (after - before)[200:].abs().max() > 30, "the sentence is on screen"


def test_a_dropped_scene_is_opened_and_the_look_stays(
    open_app: Callable[..., App], tmp_path: Path
) -> None:
    other = replace(sphere_scene(title="another"), frames=4, fps=5.0)
    app = open_app(load=lambda path: other)
    app.camera.look_at(Look.from_degrees(30, 10))
    settle(app)
    app.input.dropped([tmp_path / "another.safetensors"])
    run_until(app, lambda: app.panes.scene.title == "another")
    assert (app.playback.frames, app.playback.fps) == (4, 5.0)
    assert app.camera.look() == Look.from_degrees(30, 10)


def test_all_files_of_all_drops_are_opened_one_after_the_other(
    open_app: Callable[..., App],
) -> None:
    gate, begun = threading.Event(), threading.Event()

    def load(path: Path) -> OpenScene | Trajectory:
        begun.set()
        assert gate.wait(60)
        if path.suffix == ".csv":
            return read_trajectory("jvet:balboa-vp0")
        return sphere_scene(title=path.stem)

    app = open_app(load=load)
    settle(app)
    before = image(app)
    app.input.dropped([Path("gaze.csv"), Path("first.safetensors")])
    app.input.dropped([Path("second.safetensors"), Path("gaze.csv")])
    assert begun.wait(60)
    app.step(0.0)
    assert app.messages.text == "Opening first.safetensors and 3 more …"
    assert (image(app) - before)[200:].abs().max() > 30, "the sentence is on screen"
    assert app.panes.scene.title == "a sphere"
    titles = []
    gate.set()

    def all_opened() -> bool:
        titles.append(app.panes.scene.title)
        return app.messages.text is None

    run_until(app, all_opened)
    opened = [title for title, _ in itertools.groupby(titles)]
    assert opened == ["a sphere", "first", "second"]
    assert app.gaze.replay is not None, "the path is followed in the scene that came with it"


def test_every_file_that_cannot_be_opened_is_named(open_app: Callable[..., App]) -> None:
    app = open_app()
    app.input.dropped([Path(f"{name}.jpg") for name in "abc"])
    run_until(app, lambda: not app.loader.opening)
    assert app.messages.text is not None
    assert [line[:5] for line in app.messages.text.split("\n")] == ["a.jpg", "b.jpg", "c.jpg"]
    app.messages.notify("something else")
    app.input.dropped([Path("d.jpg")])
    run_until(app, lambda: not app.loader.opening)
    assert app.messages.text == "d.jpg is not a scene; give a .safetensors file"


def test_a_file_that_never_comes_does_not_keep_the_window(window: Window) -> None:
    gate = threading.Event()

    def load(path: Path) -> OpenScene:
        gate.wait(60)
        raise InputError("too late")

    app = App(window, sphere_scene(), load, settings=Settings(overlay=False))
    app.step(0.0)
    app.input.dropped([Path("on-a-dead-server.safetensors")])
    app.step(0.0)
    assert app.messages.text == "Opening on-a-dead-server.safetensors …"
    timer = threading.Timer(3.0, gate.set)  # so that waiting for it is a failure, not for ever
    timer.start()
    app.close()
    waited = gate.is_set()
    timer.cancel()
    gate.set()
    assert not waited


def test_a_decoder_that_fails_leaves_the_window_open_with_a_sentence(
    open_app: Callable[..., App],
) -> None:
    broken = FakeEngine(failure=lambda _: RuntimeError("CUDA error: device lost"))
    app = open_app(sphere_scene(lambda: broken, lambda: FakeEngine((270, 480))))
    run_until(app, lambda: app.renderer.picture is not None)
    assert app.messages.text is not None
    assert "device lost" in app.messages.text
    width, height = app.window.size
    settle(app)
    assert not app.window.should_close
    seen = image(app)[: height // 2]
    assert psnr(seen, sphere_viewport(Look(), height, width)[: height // 2]) > 38


def test_choices_are_remembered(open_app: Callable[..., App], window: Window) -> None:
    app, hand = open_app(), CallbackHand(window)
    for key in ("I", "H", "L"):
        hand.key(key, True)
    hand.character("]")
    width, height = window.size
    assert app.settings() == Settings(
        inertia=True,
        overlay=True,
        loop=False,
        speed=1.5,
        width=width,
        height=height,
        greeted=True,
    )


def test_losing_the_focus_lets_go(open_app: Callable[..., App], window: Window) -> None:
    app, hand = open_app(), CallbackHand(window)
    hand.key("D", True)
    app.input.focus_lost()
    look = app.camera.look()
    app.step(0.1)
    assert app.camera.look() == look


def test_a_panel_under_the_cursor_takes_the_mouse(
    open_app: Callable[..., App], window: Window
) -> None:
    app, hand = open_app(), CallbackHand(window)
    app.overlay.visible = True
    width, height = window.size

    def hovering() -> bool:
        hand.move(width // 2, height - 37)  # again: the window may open under X's own pointer
        return app.overlay.wants_mouse

    run_until(app, hovering)
    hand.button(True)
    for _ in range(3):
        app.step(1 / 60)
    assert not app.camera.dragging
    assert 3 <= app.playback.frame <= 6, "the timeline was scrubbed to its middle"
    hand.button(False)
    hand.wheel(2)
    app.step(1 / 60)
    assert app.camera.look() == Look()
