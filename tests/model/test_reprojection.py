"""Pictures turned to other directions, and the looks that leave none out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerv360.geometry import Look, camera_rays, erp_directions, viewport_directions
from nerv360.reprojection import OVERLAP, covering_looks, project


@given(
    st.floats(-math.pi, math.pi),
    st.floats(-math.pi / 2, math.pi / 2),
    st.floats(-math.pi, math.pi),
    st.floats(0.3, 2.5),
)
def test_a_picture_is_projected_onto_itself(
    yaw: float, pitch: float, roll: float, hfov: float
) -> None:
    look = Look(yaw, pitch, roll, hfov)
    place, inside = project(viewport_directions(look, 9, 16).double(), look, 9, 16)
    assert bool(inside.all())
    rays = camera_rays(9, 16, 1.0, dtype=torch.float64)
    expected = torch.stack([rays[..., 0], -rays[..., 1] * 16 / 9], -1)
    torch.testing.assert_close(place, expected, atol=1e-5, rtol=0)


def test_what_is_behind_is_not_in_the_picture() -> None:
    behind = viewport_directions(Look(yaw=math.pi), 9, 16)
    assert not project(behind, Look(), 9, 16)[1].any()


@pytest.mark.parametrize(
    ("hfov_deg", "height", "width", "most"),
    [
        (78.1, 1080, 1920, 30),
        (40, 90, 160, 90),
        (150, 100, 100, 8),
        (60, 300, 100, 60),
        (78.1, 224, 224, 15),
        (100, 224, 224, 10),
    ],
)
def test_covering_looks_leave_nothing_out(
    hfov_deg: float, height: int, width: int, most: int
) -> None:
    looks = covering_looks(math.radians(hfov_deg), height, width)
    directions = erp_directions(90, 180)
    covered = torch.zeros(90, 180, dtype=torch.bool)
    for look in looks:
        place, inside = project(directions, look, height, width)
        covered |= inside & (place.abs().amax(-1) < OVERLAP + 0.01)
    assert bool(covered.all())
    assert 2 <= len(looks) <= most
