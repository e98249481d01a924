"""Pictures over a still panorama: the real shaders against what `nerv360.rendering` composites."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from nerv360.decoding import Engine, Picture, open_engine
from nerv360.geometry import Look, level_of_detail
from nerv360.rendering import render_view
from nerv360.viewer.picture.renderer import CLEAR_COLOUR, Renderer, read_framebuffer
from nerv360.viewer.picture.still import Compositing, StillTexture
from nerv360.viewer.picture.window import Window
from tests.support.fake_engine import FakeEngine, psnr
from tests.support.scenes import CONFIGS, over_still_scene

WIDTH, HEIGHT = 640, 360
ZOOMED = 30

LOOKS = {
    "ahead": (0, 0, 0, 75),
    "seam": (180, 0, 0, 75),
    "zenith": (30, 90, 0, 80),
    "nadir": (-100, -88, 45, 70),
    "rolled": (77, 33, 100, 60),
    "zoomed": (-91, 8, 0, ZOOMED),
    "zoomed at the seam": (179, -2, 20, ZOOMED),
    "zoomed at a pole": (10, 89, 0, ZOOMED),
}


class Overscanned:
    """An engine that decodes wider pictures than it is asked for, as the viewer does."""

    def __init__(self, engine: Engine) -> None:
        self.inner = engine
        self.device, self.size = engine.device, engine.size
        self.hfov_range, self.full_frame = engine.hfov_range, engine.full_frame
        self.name, self.ring, self.precision = engine.name, engine.ring, engine.precision
        self.still = engine.still

    def decode(self, look: Look, frame: int) -> Picture:
        """Return a picture that reaches beyond ``look`` on each side, however that is rolled."""
        return self.inner.decode(Look(look.yaw, look.pitch, 0.0, 2.0), frame)


class Covering(FakeEngine):
    """The sphere, covering in patches a still panorama of as many pixels as the window needs."""

    def __init__(self, *, full_frame: bool) -> None:
        size = (256, 512) if full_frame else (288, 512)
        super().__init__(size, hfov_range_deg=(60, 150), full_frame=full_frame)
        torch.manual_seed(5)
        self.still = torch.randint(0, 256, (1024, 2048, 3), dtype=torch.uint8)

    def decode(self, look: Look, frame: int) -> Picture:
        picture = super().decode(look, frame)
        height, width = self.size
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        alpha = 127.5 + 300 * (rows / 20).sin() * (columns * 2 * torch.pi / 64).cos()
        pixels = picture.pixels.clone()
        pixels[..., 3] = alpha.clamp(0, 255).to(torch.uint8)
        return replace(picture, pixels=pixels)


@pytest.fixture
def renderer(window: Window) -> Iterator[Renderer]:
    """Yield a renderer in the window's context."""
    opened = Renderer()
    yield opened
    opened.close()


@pytest.fixture
def still(window: Window) -> Iterator[StillTexture]:
    """Yield an empty one; a warning of it fails the test."""
    panorama = StillTexture(pytest.fail)
    yield panorama
    panorama.forget()


def drawn(
    renderer: Renderer,
    look: Look,
    compositing: Compositing = Compositing.COMPOSITE,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> Tensor:
    """Return the window, or a part of ``size``, with ``look``, height×width×3."""
    height, width = size
    renderer.draw(look, width, height, compositing=compositing)
    return torch.as_tensor(read_framebuffer(width, height).copy())


def check(
    renderer: Renderer,
    still: StillTexture,
    engine: Engine,
    look: Look,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> None:
    """Check that the shader's composite is torch's."""
    assert engine.still is not None
    renderer.show(engine.decode(look, 1))
    renderer.still = still.texture(engine.still.numpy())
    expected = render_view(engine, look, 1, *size)
    assert psnr(drawn(renderer, look, size=size), expected) > 45


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("degrees", LOOKS.values(), ids=LOOKS)
def test_shader_and_torch_agree_on_a_scene(
    name: str, degrees: tuple[float, ...], renderer: Renderer, still: StillTexture
) -> None:
    engine = open_engine(over_still_scene(name), name, "cpu", kind="eager")
    yaw, pitch, roll, hfov = degrees
    if name == "nerv360":  # what one of its flat pictures, 78° wide, still contains
        roll, hfov = roll / 10, min(hfov, 58)
    check(renderer, still, Overscanned(engine), Look.from_degrees(yaw, pitch, roll, hfov))


@pytest.mark.parametrize("full_frame", [False, True], ids=["viewport", "full frame"])
@pytest.mark.parametrize("degrees", LOOKS.values(), ids=LOOKS)
def test_shader_and_torch_agree_at_the_resolution_of_the_window(
    full_frame: bool, degrees: tuple[float, ...], renderer: Renderer, still: StillTexture
) -> None:
    engine = Overscanned(Covering(full_frame=full_frame))
    check(renderer, still, engine, Look.from_degrees(*degrees))


def test_beyond_the_edge_of_a_picture_there_is_the_still_panorama(
    renderer: Renderer, still: StillTexture
) -> None:
    renderer.still = still.texture(np.full((64, 128, 3), 255, np.uint8))
    black = torch.zeros(90, 160, 4, dtype=torch.uint8)
    black[..., 3] = 255
    renderer.show(Picture(black, Look.from_degrees(0, 0, 0, 60), 0, False, 0.0))
    row = drawn(renderer, Look.from_degrees(0, 0, 0, 100))[HEIGHT // 2, :, 0].int()
    assert row[0] == row[-1] == 255
    assert row[WIDTH // 2] == 0
    assert ((row > 20) & (row < 235)).any(), "the border is blended, not cut"


def test_it_is_there_before_any_picture(renderer: Renderer, still: StillTexture) -> None:
    engine = Covering(full_frame=True)
    assert engine.still is not None
    renderer.still = still.texture(engine.still.numpy())
    before = drawn(renderer, Look())
    transparent = torch.zeros(8, 16, 4, dtype=torch.uint8)
    renderer.show(Picture(transparent, Look(), 0, True, 0.0))
    assert torch.equal(drawn(renderer, Look()), before)
    assert before.float().std() > 40
    renderer.clear()
    nothing = torch.tensor([round(255 * v) for v in CLEAR_COLOUR])
    assert (drawn(renderer, Look()).int() - nothing).abs().max() <= 1


def test_the_oldest_that_is_not_drawn_makes_room(still: StillTexture) -> None:
    panoramas = [np.full((8, 16, 3), grey, np.uint8) for grey in range(5)]
    drawn_one = still.texture(panoramas[0])
    for pixels in panoramas[1:]:
        still.texture(pixels, [drawn_one])
    assert [grey[0, 0, 0] for grey, _ in still._kept] == [0, 3, 4]
    assert still.texture(panoramas[0]) is drawn_one


def test_a_picture_without_a_still_panorama_is_shown_as_it_is(renderer: Renderer) -> None:
    engine = FakeEngine((256, 512), full_frame=True)
    renderer.show(engine.decode(Look(), 0))
    shown = drawn(renderer, Look())
    for compositing in Compositing:
        assert torch.equal(drawn(renderer, Look(), compositing), shown)


def test_one_that_is_larger_than_a_texture_is_shown_smaller_and_says_so(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("nerv360.viewer.picture.still.largest_texture", lambda: 100)
    panorama = StillTexture(said.append)
    pixels = np.full((128, 256, 3), 40, np.uint8)
    pixels[::3] = 130
    renderer.still = panorama.texture(pixels)
    assert renderer.still.size == (43, 86)
    assert said == [
        "The still panorama of 256×128 is larger than the 100×100 that OpenGL takes here: "
        "it is shown at 1/3 of its size."
    ]
    assert (drawn(renderer, Look()).int() - 70).abs().max() <= 2, "a mean, and no row left out"
    panorama.forget()


@pytest.mark.parametrize("degrees", [(0, 0, 0, 78), (180, 0, 0, 110), (0, 90, 0, 90)])
@pytest.mark.parametrize("size", [(45, 80), (72, 128), (180, 320)])
def test_in_a_small_window_they_agree_and_nothing_shimmers(
    degrees: tuple[float, ...],
    size: tuple[int, int],
    renderer: Renderer,
    still: StillTexture,
) -> None:
    look = Look.from_degrees(*degrees)
    engine = Covering(full_frame=True)
    check(renderer, still, engine, look, size)
    renderer.picture = None
    noise = drawn(renderer, look, size=size).float().std()
    level = level_of_detail(2048, 2 * math.tan(look.hfov / 2) / size[1])
    assert level > 0
    assert noise < 74 / 2**level, "a mean of all that a pixel sees"


def test_the_level_of_detail_follows_the_pixels_that_are_skipped() -> None:
    pixel = 2 * math.pi / 2048
    assert level_of_detail(2048, pixel / 4) == 0
    assert level_of_detail(2048, pixel * 1.4) == 0, "it stays sharp"
    assert level_of_detail(2048, pixel * 4) == pytest.approx(1.5)
    assert level_of_detail(2048, pixel * 8) == pytest.approx(2.5)
    assert level_of_detail(4, 1.0) == 0
