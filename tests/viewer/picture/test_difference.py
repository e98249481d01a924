"""The difference of a decoder and the original, in a real window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from nerv360.decoding import Picture
from nerv360.geometry import Look
from nerv360.viewer.app import App
from nerv360.viewer.decode import EngineSource, OpenScene
from nerv360.viewer.picture import Window
from nerv360.viewer.picture.comparison import GAIN
from nerv360.viewer.settings import Settings
from tests.support.fake_engine import FakeEngine
from tests.support.running import image, press, settle
from tests.support.sphere_scene import FRAMES, sphere_scene

OFF_BY = (0, 5, 12)


class Off(FakeEngine):
    """The sphere, its channels off by `OFF_BY` levels."""

    def decode(self, look: Look, frame: int) -> Picture:
        picture = super().decode(look, frame)
        added = torch.tensor([*OFF_BY, 0])
        pixels = (picture.pixels.int() + added).clamp(0, 255).to(torch.uint8)
        return replace(picture, pixels=pixels)


def scene(*decoders: str) -> OpenScene:
    """``off`` and ``exact``, or the original, as whole frames of one size."""

    def source(name: str) -> EngineSource:
        kind = Off if name == "off" else FakeEngine
        return EngineSource([lambda: kind((256, 512), name=name, frames=FRAMES, full_frame=True)])

    return replace(sphere_scene(), decoders=decoders, source=source)


@pytest.fixture
def app(open_app: Callable[..., App]) -> App:
    app = open_app(
        scene("off", "original", "exact"), settings=Settings(inertia=False, overlay=False)
    )
    settle(app)
    return app


def shown(app: App) -> tuple[str, ...]:
    """Yield decoders on screen."""
    return app.panes.shown


def upper(app: App) -> torch.Tensor:
    """Return a strip of the window without panels, n×3."""
    settle(app)
    height = app.window.size[1]
    return image(app)[height // 5 : height // 3].reshape(-1, 3)


def test_it_is_amplified_channel_by_channel(app: App) -> None:
    press(app, "X")
    assert shown(app) == ("off", "original")
    app.camera.look_at(Look.from_degrees(50, 20, 10, 70))
    app.playback.seek(3)
    strip = upper(app)
    expected = torch.tensor([GAIN * levels for levels in OFF_BY]).float()
    assert (strip.median(0).values - expected).abs().max() <= GAIN
    press(app, "X")
    assert shown(app) == ("off",)
    assert len(app.panes.renderers) == 1
    assert upper(app).std() > 20, "the picture itself again"


def test_what_is_the_same_is_black(app: App) -> None:
    press(app, "X")
    press(app, "TAB")
    assert shown(app) == ("exact", "original"), "Tab changes what is compared"
    assert upper(app).max() <= GAIN


def test_a_split_view_becomes_one_and_c_ends_it(app: App) -> None:
    press(app, "TAB")
    assert shown(app) == ("original",)
    press(app, "C")
    assert shown(app) == ("original", "exact")
    settle(app)
    press(app, "X")
    assert shown(app) == ("exact", "original")
    assert upper(app).max() <= GAIN
    press(app, "C")
    assert shown(app) == ("exact",)


def test_it_follows_the_window(app: App, window: Window) -> None:
    import glfw

    press(app, "X")
    settle(app)
    glfw.set_window_size(window.handle, 400, 300)
    for _ in range(20):
        app.step(1 / 60)
        window.swap()
    expected = torch.tensor([GAIN * levels for levels in OFF_BY]).float()
    assert (upper(app).median(0).values - expected).abs().max() <= GAIN


@pytest.mark.parametrize(
    ("decoders", "sentence"),
    [
        (("off", "exact"), "There is no original to compare with: drop the scene's clip here."),
        (("original",), "There is nothing to compare with: this scene has one decoder."),
    ],
)
def test_without_two_it_says_why(
    decoders: tuple[str, ...], sentence: str, open_app: Callable[..., App]
) -> None:
    app = open_app(scene(*decoders))
    settle(app)
    press(app, "X")
    assert app.messages.text == sentence
    assert shown(app) == decoders[:1]
