"""A scene's still panorama in the application: before pictures, under them, and without them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from nerv360.decoding import Picture
from nerv360.geometry import Look
from nerv360.viewer.app import App
from nerv360.viewer.decode import EngineSource, OpenScene, decoder_names
from nerv360.viewer.decode.open_scene import Cost
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.opening.clip import put_beside
from nerv360.viewer.picture.renderer import CLEAR_COLOUR
from nerv360.viewer.settings import Settings
from tests.support.fake_engine import FakeEngine
from tests.support.running import image, press, resize, run_until, settle
from tests.support.scenes import over_still_scene, tiny_scene

CPU = torch.device("cpu")
STILL, DECODED = (20, 180, 60), (220, 60, 120)
NOTHING = tuple(round(255 * v) for v in CLEAR_COLOUR)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
COVERING = ("viewport", "frame")

Colour = tuple[int, ...]


class HalfCovering(FakeEngine):
    """One colour, whose upper half covers the still panorama."""

    def decode(self, look: Look, frame: int) -> Picture:
        picture = super().decode(look, frame)
        pixels = torch.tensor([*DECODED, 0], dtype=torch.uint8).repeat(*self.size, 1)
        pixels[: self.size[0] // 2, :, 3] = 255
        return replace(picture, pixels=pixels)


def still_scene(
    *decoders: str,
    colour: Colour = STILL,
    make: Callable[..., FakeEngine] = HalfCovering,
    title: str = "a town",
) -> OpenScene:
    """Return a scene: ``viewport`` and ``frame`` cover a still panorama, ``plain`` covers none."""
    still = np.full((64, 128, 3), colour, np.uint8)

    def engine(name: str) -> FakeEngine:
        full_frame = name != "viewport"
        kind = make if name in COVERING else FakeEngine
        return kind((64, 128) if full_frame else (90, 160), name=name, full_frame=full_frame)

    return OpenScene(
        title=title,
        frames=10,
        fps=10.0,
        size=(64, 128),
        decoders=decoders,
        source=lambda name: EngineSource([partial(engine, name)]),
        cost=lambda name: Cost(64 * 128, True, 2**20),
        free_bytes=lambda: 2**30,
        still=lambda name, _: still if name in COVERING else None,
    )


@pytest.fixture
def open_app(open_app: Callable[..., App]) -> Callable[..., App]:
    """Without inertia and overlay."""
    return partial(open_app, settings=Settings(inertia=False, overlay=False))


def halves(app: App, x: float = 0.5) -> tuple[Colour, Colour]:
    """Colours of the window at a quarter and at three quarters of its height."""
    shown = image(app)
    height, width, _ = shown.shape
    column = shown[:, round(x * width)].int()
    upper, lower = (tuple(column[height * row // 8].tolist()) for row in (2, 5))
    return upper, lower


def caption(app: App) -> str | None:
    """Return the overlay's line on what is shown."""
    return app.panes.caption


def assert_shows(app: App, *wanted: Colour, x: float = 0.5) -> None:
    seen = halves(app, x)
    apart = (torch.tensor(seen) - torch.tensor(wanted)).abs().max()
    assert apart <= 2, (seen, wanted)


def test_it_is_the_first_thing_on_screen_and_pictures_come_over_it(
    open_app: Callable[..., App],
) -> None:
    gate = threading.Semaphore(0)
    app = open_app(still_scene("viewport", make=partial(HalfCovering, gate=gate)))
    first = image(app)
    assert app.renderer.picture is None
    assert_shows(app, STILL, STILL, x=0.2)
    assert (first[: len(first) // 3] - torch.tensor(STILL)).abs().max() <= 1
    gate.release(1000)
    settle(app)
    assert_shows(app, DECODED, STILL)
    while gate.acquire(blocking=False):
        pass  # no picture of the wider look may come in between
    app.camera.look_at(Look.from_degrees(0, 0, 0, 110))
    app.step(0.0)
    assert_shows(app, STILL, STILL, x=0.01)
    gate.release(1000)


def test_it_stays_while_an_engine_is_built_and_when_all_have_failed(
    open_app: Callable[..., App],
) -> None:
    gate = threading.Event()

    def make(*arguments: object, **options: object) -> FakeEngine:
        assert gate.wait(60)
        raise RuntimeError("no engine")

    app = open_app(still_scene("viewport", make=make))
    app.step(0.0)
    assert_shows(app, STILL, STILL, x=0.2)
    gate.set()
    run_until(app, lambda: app.panes.error)
    assert_shows(app, STILL, STILL, x=0.2)


def test_that_of_the_scene_before_is_not_shown(open_app: Callable[..., App]) -> None:
    gate = threading.Semaphore(0)
    app = open_app(still_scene("viewport"))
    settle(app)
    other = still_scene(
        "frame", colour=(9, 9, 250), make=partial(HalfCovering, gate=gate), title="another"
    )
    app.open(other, "frame")
    assert_shows(app, (9, 9, 250), (9, 9, 250), x=0.2)
    gate.release(1000)
    settle(app)
    assert_shows(app, DECODED, (9, 9, 250))
    gate = threading.Semaphore(0)
    without = still_scene("plain", title="none")
    slow = partial(FakeEngine, gate=gate)
    app.open(replace(without, source=lambda name: EngineSource([slow])), "plain")
    assert_shows(app, NOTHING, NOTHING, x=0.2)
    gate.release(1000)


@pytest.mark.parametrize("decoder", COVERING)
def test_the_key_shows_the_picture_alone_its_share_and_the_composite_again(
    decoder: str, open_app: Callable[..., App]
) -> None:
    app = open_app(still_scene(decoder, "plain"))
    settle(app)
    for _ in range(2):
        assert caption(app) is None
        assert_shows(app, DECODED, STILL)
        press(app, "P")
        assert caption(app) == f"{decoder}: decoded picture alone (black: not decoded)"
        assert_shows(app, DECODED, DECODED)
        press(app, "P")
        assert caption(app) == f"{decoder}: share of the decoded picture (white)"
        assert_shows(app, WHITE, BLACK)
        press(app, "P")


def test_the_caption_is_drawn_though_the_overlay_is_hidden(open_app: Callable[..., App]) -> None:
    app = open_app(still_scene("frame"))
    settle(app)
    press(app, "P")
    app.step(0.0)  # imgui measures a panel once before it shows it
    top = image(app)[:60]
    assert (top - torch.tensor(DECODED)).abs().max() > 50
    press(app, "P")
    press(app, "P")
    assert (image(app)[:60] - torch.tensor(DECODED)).abs().max() <= 1


def test_before_a_picture_nothing_is_decoded_and_that_is_shown(
    open_app: Callable[..., App],
) -> None:
    gate = threading.Semaphore(0)
    app = open_app(still_scene("frame", make=partial(HalfCovering, gate=gate)))
    press(app, "P")
    assert_shows(app, NOTHING, NOTHING, x=0.2)
    press(app, "P")
    assert_shows(app, BLACK, BLACK, x=0.2)
    gate.release(1000)


def test_where_there_is_none_the_key_says_so(open_app: Callable[..., App]) -> None:
    app = open_app(still_scene("plain", "frame"))
    settle(app)
    before = image(app)[:200]
    press(app, "P")
    assert app.messages.text == "There is no still panorama: the whole picture is decoded."
    assert caption(app) is None
    assert torch.equal(image(app)[:200], before)


def test_side_by_side_each_decoder_has_its_own(open_app: Callable[..., App]) -> None:
    app = open_app(still_scene("viewport", "plain", "frame"))
    settle(app)
    press(app, "C")
    settle(app)
    assert app.panes.shown == ("viewport", "plain")
    assert_shows(app, DECODED, STILL, x=0.05)
    plain = halves(app, 0.95)
    press(app, "P")
    assert caption(app) == "viewport: decoded picture alone (black: not decoded)"
    assert_shows(app, DECODED, DECODED, x=0.05)
    assert halves(app, 0.95) == plain, "it has nothing but its own"
    press(app, "TAB")
    settle(app)
    assert app.panes.shown == ("viewport", "frame")
    assert caption(app) == "viewport and frame: decoded picture alone (black: not decoded)"
    left, right = app.panes.renderers
    assert left.still is right.still, "it is uploaded once"
    press(app, "P")
    assert_shows(app, WHITE, BLACK, x=0.05)
    assert_shows(app, WHITE, BLACK, x=0.95)
    press(app, "C")
    assert caption(app) == "viewport: share of the decoded picture (white)"


class Original(FakeEngine):
    """An engine that shows the still panorama everywhere."""

    def decode(self, look: Look, frame: int) -> Picture:
        pixels = torch.tensor([*STILL, 255], dtype=torch.uint8).repeat(*self.size, 1)
        return replace(super().decode(look, frame), pixels=pixels)


def test_the_difference_to_the_original_is_the_composites(open_app: Callable[..., App]) -> None:
    scene = still_scene("frame", "original")

    def source(name: str) -> EngineSource:
        if name == "frame":
            return scene.source(name)
        return EngineSource([lambda: Original((64, 128), name=name, full_frame=True)])

    app = open_app(replace(scene, source=source))
    settle(app)
    press(app, "X")
    settle(app)
    apart = tuple(min(8 * abs(a - b), 255) for a, b in zip(DECODED, STILL, strict=True))
    assert_shows(app, apart, BLACK)
    press(app, "P")
    assert caption(app) == (
        "Difference of frame and original, 8 times\n"
        "frame: decoded picture alone (black: not decoded)"
    )
    assert_shows(app, apart, apart)


def test_the_map_is_composited_as_the_window_is(open_app: Callable[..., App]) -> None:
    app = open_app(still_scene("frame"), settings=Settings(inertia=False))
    resize(app, 900, 600)  # in a small window the map is smaller
    settle(app)
    width = app.window.size[0]
    column = image(app)[20:130, width - 60]  # beside the viewport's outline
    dimmed = torch.tensor([STILL, DECODED]) * (0xB8 / 255)
    assert (column[100] - dimmed[0]).abs().max() <= 3
    assert (column[10] - dimmed[1]).abs().max() <= 3


def test_a_scene_file_hands_on_the_one_that_all_its_decoders_cover() -> None:
    scene = over_still_scene("nerv360", "hnerv")
    plain = tiny_scene("hnerv-boost").decoders["hnerv-boost"]
    scene.decoders["hnerv-boost"] = plain
    opened = prepare_scene(scene, Path("pier.safetensors"), DeviceChoice("cpu"))
    stills = {name: opened.still(name, 0) for name in decoder_names(scene.decoders)}
    assert scene.still is not None
    still = stills["nerv360"]
    assert still is not None
    assert still is stills["hnerv"]
    assert np.array_equal(still, scene.still.pixels.numpy())
    assert stills["hnerv-boost"] is None
    assert opened.source("nerv360").background is None, "it needs no other fill"
    assert (
        prepare_scene(tiny_scene(), Path("a"), DeviceChoice("cpu")).source("nerv360").background
        is not None
    )


def test_the_clip_beside_its_scene_covers_none() -> None:
    index = None  # no picture of it is decoded
    beside = put_beside(still_scene("frame"), index, "beside")  # type: ignore[arg-type]
    assert beside.still("original", 0) is None
    assert beside.still("frame", 0) is not None
