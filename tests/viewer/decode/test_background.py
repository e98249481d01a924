from __future__ import annotations

import pytest

from nerv360.geometry import Look
from nerv360.viewer.decode.background import Background
from tests.support.fake_engine import FakeEngine, psnr, sphere_panorama


def test_a_view_too_narrow_for_a_sphere_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 48 views of 20°"):
        Background(FakeEngine((96, 96), hfov_range_deg=(20, 20)))


@pytest.mark.parametrize("hfov_range_deg", [(60, 120), (78.1, 78.1), (60, 65), (50, 50)])
def test_the_canvas_is_the_sphere(hfov_range_deg: tuple[float, float]) -> None:
    engine = FakeEngine((160, 160), hfov_range_deg=hfov_range_deg)
    background = Background(engine, (128, 256))
    while background.stale(2):
        background.step(2, Look())
    assert len(engine.requests) == background.parts
    pixels = background.pixels()
    assert pixels.shape == (128, 256, 4)
    assert int(pixels[..., 3].min()) >= 254
    assert psnr(pixels[..., :3], sphere_panorama(128, 256, 2)) > 42


def test_it_begins_where_one_looks_and_says_how_much_is_known() -> None:
    look = Look.from_degrees(88, 2)
    background = Background(FakeEngine((96, 96)), (64, 128))
    assert int(background.pixels().max()) == 0
    background.step(0, look)
    alpha = background.pixels()[..., 3]
    assert alpha[31, 95] == 255
    assert alpha[31, 31] == 0


def test_a_new_frame_replaces_the_old_one_without_a_trace() -> None:
    background = Background(FakeEngine((96, 96)), (64, 128))
    fresh = Background(FakeEngine((96, 96)), (64, 128))
    for frame in (0, 1, 5):
        while background.stale(frame):
            background.step(frame, Look())
    while fresh.stale(5):
        fresh.step(5, Look())
    assert (background.pixels().int() - fresh.pixels().int()).abs().max() <= 1


def test_turns_are_taken_while_frames_go_by() -> None:
    engine = FakeEngine((32, 32), frames=100)
    background = Background(engine, (32, 64))
    for frame in range(background.parts * 2):
        background.step(frame, Look())
    directions = [(look.yaw, look.pitch) for look, _ in engine.requests]
    assert len(set(directions[: background.parts])) == background.parts
    assert directions[background.parts :] == directions[: background.parts]
