"""Views assembled of several pictures show the sphere itself, wherever and however one looks."""

from __future__ import annotations

import pytest
import torch

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.metrics.similarity import cut_viewport, psnr_8bit, ws_psnr
from nerv360.rendering import render_sphere, render_view
from tests.support.spheres import SphereEngine, smooth_sphere

FRAMES = [smooth_sphere(256, 512), smooth_sphere(256, 512, phase=1.0)]


def test_a_decoded_look_is_returned_untouched() -> None:
    engine = SphereEngine(FRAMES)
    look = Look.from_degrees(40, -10)
    view = render_view(engine, look, 1, 72, 128)
    assert torch.equal(view, engine.decode(look, 1).pixels[..., :3])
    assert len(engine.decoded) == 2


@pytest.mark.parametrize("full_frame", [False, True])
@pytest.mark.parametrize(
    "look",
    [
        Look.from_degrees(10, 5, 25),
        Look.from_degrees(-170, 30, 90),
        Look.from_degrees(179, -85, -120),
        Look.from_degrees(0, 90),
        Look.from_degrees(55, -20, 0, 110),
        Look.from_degrees(55, -20, 0, 30),
        Look.from_degrees(200, 70, 45, 100),
    ],
)
def test_rolled_and_wide_views_show_the_sphere(look: Look, full_frame: bool) -> None:
    engine = SphereEngine(FRAMES, size=(144, 256), full_frame=full_frame)
    view = render_view(engine, look, 0, 90, 160)
    assert view.dtype == torch.uint8
    assert psnr_8bit(view, cut_viewport(FRAMES[0], look, 90, 160)) > 46


def test_zoom_and_size_take_one_picture() -> None:
    engine = SphereEngine(FRAMES)
    render_view(engine, Look.from_degrees(20, 10, 0, 40), 0, 50, 60)
    assert len(engine.decoded) == 1


def test_no_such_frame() -> None:
    with pytest.raises(IndexError):
        render_view(SphereEngine(FRAMES), Look(), 2, 72, 128)


@pytest.mark.parametrize("full_frame", [False, True])
def test_the_whole_sphere_is_composed(full_frame: bool) -> None:
    engine = SphereEngine(FRAMES, size=(144, 256), full_frame=full_frame)
    sphere = render_sphere(engine, 1, 128, 256)
    small = SphereEngine([smooth_sphere(128, 256, phase=1.0)]).frames[0]
    assert ws_psnr(sphere, small) > 45


@pytest.mark.parametrize(("height", "width"), [(0, 10), (-5, 10), (10, 1 << 20), (90.5, 160)])
def test_a_size_of_no_picture_is_refused(height: int, width: int) -> None:
    engine = SphereEngine(FRAMES)
    with pytest.raises(InputError, match="height and a width"):
        render_view(engine, Look(), 0, height, width)
    with pytest.raises(InputError, match="height and a width"):
        render_sphere(engine, 0, height, width)
    assert not engine.decoded
