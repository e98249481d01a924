"""Decoders side by side in a real window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from nerv360.decoding.engine import Picture
from nerv360.errors import UnavailableError
from nerv360.geometry import Look
from nerv360.viewer.app import App
from nerv360.viewer.decode.open_scene import Cost, EngineSource, OpenScene
from nerv360.viewer.panels.opening import OpeningPanel
from nerv360.viewer.picture.comparison import Split, other_decoder
from nerv360.viewer.picture.screenshot import capture
from nerv360.viewer.picture.window import Window
from nerv360.viewer.settings import Settings
from tests.support.fake_engine import FakeEngine, sphere_viewport
from tests.support.hand import CallbackHand
from tests.support.running import image, press, resize, run_until, settle

FRAMES = 4
DECODERS = ("nerv360", "hnerv", "hnerv-boost")


class Negative(FakeEngine):
    """Whole frames in inverted colours, so that one sees which side is whose."""

    def decode(self, look: Look, frame: int) -> Picture:
        picture = super().decode(look, frame)
        pixels = picture.pixels.clone()
        pixels[..., :3] = 255 - pixels[..., :3]
        return replace(picture, pixels=pixels)


def engine(decoder: str) -> FakeEngine:
    if decoder == "nerv360":
        return FakeEngine((270, 480), name=decoder, frames=FRAMES)
    return Negative((256, 512), name=decoder, frames=FRAMES, full_frame=True)


def sphere_scene(make: Callable[[str], FakeEngine] = engine, **changes: object) -> OpenScene:
    shown = OpenScene(
        title="a sphere",
        frames=FRAMES,
        fps=10.0,
        size=(512, 1024),
        decoders=DECODERS,
        source=lambda decoder: EngineSource([lambda: make(decoder)]),
        cost=lambda decoder: Cost(512 * 1024, decoder != "nerv360", 3 * 2**30),
        free_bytes=lambda: 4 * 2**30,
    )
    return replace(shown, **changes)  # type: ignore[arg-type]


@pytest.fixture
def open_app(window: Window) -> Iterator[Callable[[OpenScene], App]]:
    opened: list[App] = []

    def make(shown: OpenScene) -> App:
        app = App(window, shown, lambda path: shown, settings=Settings(inertia=False))
        app.overlay.visible = False
        app.playback.playing = False
        opened.append(app)
        return app

    yield make
    for app in opened:
        app.close()


def difference(shown: torch.Tensor, truth: torch.Tensor) -> float:
    return float((shown - truth).abs().mean())


def test_both_sides_show_the_same_look_and_frame(
    open_app: Callable[[OpenScene], App],
) -> None:
    app = open_app(sphere_scene())
    settle(app)
    app.camera.look_at(Look.from_degrees(50, 20, 10, 70))
    app.playback.seek(2)
    press(app, "C")
    run_until(app, lambda: len(app.worker.reports) == 2)
    settle(app)
    width, height = app.window.size
    app.step(0.0)
    shown = torch.as_tensor(capture(app.window)).float()
    truth = sphere_viewport(app.camera.look(), height, width, frame=2)
    middle, clear = width // 2, 40  # panels lie along the divider and at its foot
    above = slice(0, height // 3)
    left, right = slice(0, middle - clear), slice(middle + clear, width)
    assert difference(shown[above, left], truth[above, left]) < 3
    assert difference(shown[above, right], 255 - truth[above, right]) < 3
    assert difference(shown[above, right], truth[above, right]) > 20
    assert shown[-150:].std() > 0
    assert [report.engine.name for report in app.worker.reports if report.engine] == [
        "nerv360",
        "hnerv",
    ]

    press(app, "C")
    settle(app)
    app.step(0.0)
    whole = torch.as_tensor(capture(app.window)).float()
    assert difference(whole, truth) < 3, "one decoder alone again"
    assert len(app.panes.renderers) == 1


def test_the_divider_is_dragged_and_the_look_stays(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(sphere_scene())
    press(app, "C")
    settle(app)
    hand, (width, height) = CallbackHand(app.window), app.window.size

    def hovering() -> bool:
        hand.move(width // 2, height // 3)
        return app.overlay.wants_mouse

    run_until(app, hovering)
    hand.button(True)
    app.step(1 / 60)
    hand.move(width // 4, height // 3)
    run_until(app, lambda: app.panes.split and app.panes.split.share < 0.3)
    hand.button(False)
    settle(app)
    assert app.camera.look() == Look()
    app.step(0.0)
    shown = torch.as_tensor(capture(app.window)).float()
    truth = sphere_viewport(Look(), height, width)
    right = slice(width // 4 + 40, width)
    assert difference(shown[: height // 3, right], 255 - truth[: height // 3, right]) < 3


def cropped_scene() -> OpenScene:
    def cropped(decoder: str) -> FakeEngine:
        return Negative((270, 480), name=f"{decoder} crops", frames=FRAMES)

    costs = lambda decoder: Cost(270 * 480, False, 2**30)  # noqa: E731
    return sphere_scene(cropped=lambda: sphere_scene(cropped, cost=costs))


def test_a_rival_decodes_only_what_the_look_sees(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(cropped_scene())
    app.overlay.visible = True
    press(app, "C")
    settle(app)
    assert (app.panes.crops("nerv360"), app.panes.crops("hnerv")) == (None, False)

    def engines() -> list[str]:
        return [report.engine.name for report in app.worker.reports if report.engine]

    assert engines() == ["nerv360", "hnerv"], "whole frames are compared at first"
    app.panes.toggle_crops("hnerv")
    run_until(app, lambda: engines() == ["nerv360", "hnerv crops"])
    settle(app)
    assert app.panes.cost("hnerv").pixels == 270 * 480
    app.step(0.0)
    width, height = app.window.size
    shown = torch.as_tensor(capture(app.window)).float()[: height // 4, width // 2 + 40 :]
    truth = 255 - sphere_viewport(Look(), height, width)[: height // 4, width // 2 + 40 :]
    assert (shown - truth).abs().median() < 3
    app.panes.toggle_crops("hnerv")
    run_until(app, lambda: engines() == ["nerv360", "hnerv"])


def test_the_button_of_the_split_panel_switches(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(cropped_scene())
    resize(app, 1280, 720)
    app.overlay.visible = True
    press(app, "C")
    settle(app)
    hand, (width, height) = CallbackHand(app.window), app.window.size
    for y in range(height - 40, height // 3, -6):
        hand.move(width // 2 + 60, y)
        app.step(1 / 60)
        hand.button(True)
        app.step(1 / 60)
        hand.button(False)
        app.step(1 / 60)
        if app.panes.crops("hnerv"):
            break
    assert app.panes.crops("hnerv")


def test_tab_changes_the_right_side(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(sphere_scene())
    press(app, "C")
    for right in ("hnerv", "hnerv-boost", "hnerv"):
        run_until(app, lambda: all(report.engine for report in app.worker.reports))
        assert app.panes.shown == ("nerv360", right)
        press(app, "TAB")


def test_until_another_decoder_has_a_picture_the_last_one_stays_and_says_so(
    open_app: Callable[[OpenScene], App],
) -> None:
    gate = threading.Event()

    def make(decoder: str) -> FakeEngine:
        if decoder != "nerv360":
            assert gate.wait(60)
        return engine(decoder)

    app = open_app(sphere_scene(make))
    settle(app)
    last = app.renderer.picture
    press(app, "TAB")
    app.step(0.0)
    opening = app.panes.opening
    assert opening == "hnerv"
    assert OpeningPanel(app.panes).text == "Opening hnerv …"
    assert app.renderer.picture is last
    gate.set()
    settle(app)
    assert app.panes.opening is None
    assert app.renderer.picture is not last


def test_a_decoder_that_does_not_fit_is_not_opened(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(sphere_scene(free_bytes=lambda: 2**30))
    settle(app)
    for key in ("TAB", "C"):
        press(app, key)
        assert app.messages.text == (
            "hnerv needs about 3.0 GiB to decode a picture, and only 1.0 GiB is free: "
            "nerv360 is still shown."
        )
        assert app.panes.shown == ("nerv360",)


@pytest.mark.parametrize("key", ["TAB", "C"])
def test_from_a_decoder_that_fails_the_view_goes_back(
    key: str, open_app: Callable[[OpenScene], App]
) -> None:
    def make(decoder: str) -> FakeEngine:
        if decoder == "nerv360":
            return engine(decoder)
        return FakeEngine(failure=lambda _: torch.OutOfMemoryError("20 GiB"), frames=FRAMES)

    app = open_app(sphere_scene(make))
    settle(app)
    press(app, key)
    run_until(app, lambda: app.messages.text)
    expected = "Frame 0 cannot be decoded: the device is out of memory; close what else uses it"
    assert app.messages.text == expected
    run_until(app, lambda: app.panes.shown == ("nerv360",))
    app.playback.seek(3)
    settle(app)
    assert app.renderer.picture is not None
    assert app.renderer.picture.frame == 3


def test_one_decoder_has_nothing_beside_it(open_app: Callable[[OpenScene], App]) -> None:
    app = open_app(sphere_scene(decoders=("nerv360",)))
    press(app, "C")
    assert app.messages.text == "There is nothing to compare with: this scene has one decoder."
    press(app, "TAB")
    assert app.messages.text == "This scene has one decoder, nerv360."


def test_the_next_decoder_is_one_that_is_not_shown() -> None:
    assert other_decoder(DECODERS, ("nerv360",), "nerv360") == "hnerv"
    assert other_decoder(DECODERS, ("hnerv-boost",), "hnerv-boost") == "nerv360"
    assert other_decoder(DECODERS, ("nerv360", "hnerv"), "hnerv") == "hnerv-boost"
    assert other_decoder(DECODERS[:2], ("nerv360", "hnerv"), "hnerv") is None


def test_the_divider_stays_in_the_window() -> None:
    split = Split("hnerv")
    split.share = -3.0
    assert split.extents() == ((0.0, 0.05), (0.05, 1.0))
    split.share = 7.0
    assert split.extents() == ((0.0, 0.95), (0.95, 1.0))


def test_why_no_faster_engine_decodes_is_said_once_and_stays_in_the_overlay(
    open_app: Callable[[OpenScene], App],
) -> None:
    def refuses() -> FakeEngine:
        raise UnavailableError("the compiled engine needs a C compiler: apt install gcc")

    scene = sphere_scene()
    made = scene.source
    scene = replace(scene, source=lambda name: replace(made(name), upgrade=refuses))
    app = open_app(scene)
    resize(app, 900, 600)  # a small window shows less in the overlay
    settle(app)
    said = "There is no faster engine: the compiled engine needs a C compiler: apt install gcc."
    run_until(app, lambda: app.messages.text == said)
    app.messages.notify("")
    app.overlay.visible = True
    app.draw()
    told = image(app)
    assert app.worker.report.remark == said
    app.worker.report.__dict__["remark"] = None
    app.draw()
    assert (image(app)[150:, :280] - told[150:, :280]).abs().max() > 50, "it is in the overlay"
    press(app, "TAB")
    settle(app)
    run_until(app, lambda: app.worker.report.remark == said)
    assert not app.messages.text, "and not said again"
