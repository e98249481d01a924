"""The real shaders against the geometry of `model`, computed on the CPU."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look, viewport_directions
from nerv360.reprojection import project
from nerv360.viewer.picture.renderer import CLEAR_COLOUR, Renderer, read_framebuffer
from nerv360.viewer.picture.upload import PixelBufferUpload
from nerv360.viewer.picture.window import Window
from tests.support.fake_engine import psnr, rgba, sphere_panorama, sphere_viewport

WIDTH, HEIGHT = 320, 180

LOOKS = [
    (0, 0, 0, 70),
    (57, -23, 0, 90),
    (180, 0, 0, 75),
    (-179.5, 12, 20, 60),
    (30, 88, 0, 80),
    (30, 90, 0, 100),
    (-100, -90, 45, 80),
    (10, 5, -135, 110),
    (77, 33, 180, 30),
]


def drawn(renderer: Renderer, look: Look) -> torch.Tensor:
    """Return the framebuffer with ``look``, HEIGHT×WIDTH×3."""
    renderer.draw(look, WIDTH, HEIGHT)
    return torch.as_tensor(read_framebuffer(WIDTH, HEIGHT).copy())


def viewport(look: Look, height: int = 360, width: int = 640) -> Picture:
    return Picture(rgba(sphere_viewport(look, height, width)), look, 0, False, 0.0)


@pytest.fixture
def renderer(window: Window) -> Renderer:
    """Return a renderer in the window's context."""
    return Renderer()


@pytest.mark.parametrize("degrees", LOOKS)
def test_a_panorama_is_cut_as_the_geometry_says(
    renderer: Renderer, degrees: tuple[float, ...]
) -> None:
    look = Look.from_degrees(*degrees)
    renderer.show(Picture(rgba(sphere_panorama(512, 1024)), Look(), 0, True, 0.0))
    assert psnr(drawn(renderer, look), sphere_viewport(look, HEIGHT, WIDTH)) > 45


@pytest.mark.parametrize("degrees", LOOKS)
def test_the_background_shows_what_no_picture_shows(
    renderer: Renderer, degrees: tuple[float, ...]
) -> None:
    look = Look.from_degrees(*degrees)
    behind = Look.from_degrees(degrees[0] + 180, -degrees[1], 0, 40)
    renderer.show(viewport(behind))
    renderer.show_background(rgba(sphere_panorama(256, 512)))
    assert psnr(drawn(renderer, look), sphere_viewport(look, HEIGHT, WIDTH)) > 38


@pytest.mark.parametrize("degrees", LOOKS)
@pytest.mark.parametrize(
    "turn", [(0, 0, 0, 0), (9, 0, 0, 0), (-4, 7, 0, 0), (0, 0, 17, 0), (3, -2, -5, -20)]
)
def test_an_old_picture_is_turned_to_the_newest_look(
    renderer: Renderer, degrees: tuple[float, ...], turn: tuple[float, ...]
) -> None:
    shown = Look.from_degrees(*degrees)
    pitch = min(max(degrees[1] + turn[1], -90), 90)
    decoded = Look.from_degrees(degrees[0] + turn[0], pitch, 0, min(degrees[3] + 30, 130))
    renderer.show(viewport(decoded, 720, 1280))
    renderer.show_background(rgba(sphere_panorama(512, 1024)))
    assert psnr(drawn(renderer, shown), sphere_viewport(shown, HEIGHT, WIDTH)) > 42


def test_the_picture_itself_is_shown_where_it_has_something_to_show(renderer: Renderer) -> None:
    look = Look.from_degrees(20, 10, 0, 60)
    black = rgba(torch.zeros(360, 640, 3))
    renderer.show(Picture(black, look, 0, False, 0.0))
    renderer.show_background(torch.full((64, 128, 4), 255, dtype=torch.uint8))
    wide = Look.from_degrees(20, 10, 0, 100)
    image = drawn(renderer, wide).float().mean(-1)
    directions = viewport_directions(wide, HEIGHT, WIDTH).reshape(-1, 3)
    plane, _ = project(directions, look, 9, 16)
    inside = (plane.abs().amax(-1) < 0.93).view(HEIGHT, WIDTH)
    outside = (plane.abs().amax(-1) > 1.0).view(HEIGHT, WIDTH)
    assert image[inside].max() == 0
    assert image[outside].min() == 255
    border = image[~inside & ~outside]
    assert ((border > 20) & (border < 235)).any(), "the border is blended, not cut"


def test_before_the_first_picture_and_where_nothing_is_known_there_is_the_background(
    renderer: Renderer,
) -> None:
    background = torch.tensor([round(255 * v) for v in CLEAR_COLOUR])
    assert (drawn(renderer, Look()).int() - background).abs().max() <= 1
    renderer.show(viewport(Look.from_degrees(180, 0, 0, 60)))
    assert (drawn(renderer, Look()).int() - background).abs().max() <= 1


def test_there_is_no_seam_at_180_degrees(renderer: Renderer) -> None:
    panorama = torch.full((256, 512, 4), 255, dtype=torch.uint8)
    ramp = torch.linspace(0, math.pi, 512).sin().mul(200).to(torch.uint8)
    panorama[..., :3] = ramp[None, :, None]
    renderer.show(Picture(panorama, Look(), 0, True, 0.0))
    image = drawn(renderer, Look.from_degrees(180, 0, 0, 60)).int()
    assert (image[:, 1:] - image[:, :-1]).abs().max() <= 2


def test_pictures_of_any_size_follow_each_other(renderer: Renderer) -> None:
    look = Look.from_degrees(5, 5, 0, 70)
    for height, width in ((90, 160), (361, 643), (90, 160)):
        renderer.show(viewport(look, height, width))
        renderer.show_background(rgba(sphere_panorama(256, 512)))
        assert psnr(drawn(renderer, look), sphere_viewport(look, HEIGHT, WIDTH)) > 35


def test_the_upload_reads_the_pixels_before_it_returns(window: Window) -> None:
    renderer = Renderer(PixelBufferUpload())
    look = Look.from_degrees(0, 0, 0, 70)
    picture = viewport(look)
    renderer.show(picture)
    picture.pixels.zero_()
    inner = Look.from_degrees(0, 0, 0, 60)
    assert psnr(drawn(renderer, inner), sphere_viewport(inner, HEIGHT, WIDTH)) > 40
    renderer.close()


def test_row_0_of_the_framebuffer_is_on_top(renderer: Renderer) -> None:
    look = Look.from_degrees(0, 0, 0, 60)
    pixels = rgba(torch.zeros(90, 160, 3))
    pixels[:45, :, 0] = 255
    renderer.show(Picture(pixels, look, 0, False, 0.0))
    image = drawn(renderer, Look.from_degrees(0, 0, 0, 40)).numpy()
    assert np.all(image[0, :, 0] == 255)
    assert np.all(image[-1, :, 0] == 0)
