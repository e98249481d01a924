from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from nerv360.geometry import Look
from nerv360.reprojection import project
from nerv360.viewer.decode.look_prediction import Request, covering_hfov, predicted_look
from nerv360.viewer.panels.viewport_border import viewport_border
from tests.support.fake_engine import FakeEngine

LOOKS = st.builds(
    Look.from_degrees,
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(30, 70),
)


@given(LOOKS, st.floats(0.5, 3.0), st.floats(0.5, 3.0))
def test_the_picture_contains_what_is_shown_and_no_more_than_needed(
    look: Look, shown_aspect: float, picture_aspect: float
) -> None:
    border = torch.as_tensor(viewport_border(look, shown_aspect))
    hfov = covering_hfov(look, shown_aspect, picture_aspect)

    def contained(hfov: float) -> bool:
        picture = Look(look.yaw, look.pitch, 0.0, hfov)
        return bool(project(border, picture, 1, picture_aspect)[1].all())

    assert contained(hfov + 1e-6)
    assert not contained(hfov - 1e-3)


def test_a_view_at_rest_is_decoded_level_with_a_little_to_spare() -> None:
    engine = FakeEngine(hfov_range_deg=(20, 160))
    look = predicted_look(Request(Look.from_degrees(30, 10, 25, 60), 16 / 9, 0), engine, 0.1)
    assert (look.yaw, look.pitch, look.roll) == (math.radians(30), math.radians(10), 0.0)
    covering = covering_hfov(Look.from_degrees(30, 10, 25, 60), 16 / 9, 16 / 9)
    assert covering < look.hfov < covering + math.radians(5)


def test_a_faster_view_or_a_slower_decoder_widens_it_within_reason() -> None:
    engine = FakeEngine(hfov_range_deg=(20, 160))

    def hfov(speed: float, latency: float) -> float:
        return predicted_look(
            Request(Look.from_degrees(0, 0, 0, 60), 16 / 9, 0, speed), engine, latency
        ).hfov

    assert hfov(0, 0.1) == hfov(0, 0.5) < hfov(0.5, 0.1) < hfov(1.0, 0.1) < hfov(1.0, 0.15)
    assert hfov(100.0, 10.0) < math.radians(90)


def test_the_engine_is_never_asked_beyond_its_range() -> None:
    engine = FakeEngine(hfov_range_deg=(60, 90))
    for shown in (30, 60, 80, 110):
        look = predicted_look(
            Request(Look.from_degrees(0, 0, 40, shown), 16 / 9, 0, 3.0), engine, 0.2
        )
        assert math.radians(60) <= look.hfov <= math.radians(90)


def test_a_whole_frame_does_not_depend_on_the_look() -> None:
    engine = FakeEngine(full_frame=True)
    a = predicted_look(Request(Look.from_degrees(10, 0), 1.5, 0, 1.0), engine, 0.1)
    assert a == predicted_look(Request(Look.from_degrees(90, 50, 3, 40), 1.5, 0), engine, 0.4)
