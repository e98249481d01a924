"""Viewports cut from whole frames are those that the sphere shows."""

from __future__ import annotations

import math

import pytest

from nerv360.decoding import Picture
from nerv360.geometry import Look
from nerv360.viewer.sharing.cutting import ASPECT, HFOV_RANGE, cut
from tests.support.fake_engine import psnr, rgba, sphere_panorama, sphere_viewport


@pytest.mark.parametrize(
    "look_deg",
    [(0, 0, 0, 80), (180, 10, 0, 60), (-179.5, -40, 0, 100), (30, 90, 0, 90), (70, -88, 0, 50)],
)
def test_it_shows_what_the_look_sees(look_deg: tuple[float, ...]) -> None:
    whole = Picture(rgba(sphere_panorama(512, 1024, 3)), Look(), 3, True, 0.01)
    look = Look.from_degrees(*look_deg)
    part = cut(whole, look, 4000)
    height, width = part.pixels.shape[:2]
    assert abs(width - 1024 / math.pi * math.tan(look.hfov / 2)) <= 1, "no more than is there"
    assert round(width / ASPECT) == height
    assert (part.look, part.frame, part.equirectangular) == (look, 3, False)
    wanted = sphere_viewport(look, height, width, 3)
    assert psnr(part.pixels[..., :3], wanted) > 45


def test_it_is_level_small_for_a_small_view_and_within_its_range() -> None:
    whole = Picture(rgba(sphere_panorama(64, 128)), Look(), 0, True, 0.01)
    assert cut(whole, Look(hfov=1.0, roll=0.4), 10).pixels.shape == (9, 16, 4)
    assert cut(whole, Look(roll=0.4), 400).look.roll == 0
    for hfov in (0.01, math.pi - 0.01):
        assert cut(whole, Look(hfov=hfov), 400).look.hfov in HFOV_RANGE
