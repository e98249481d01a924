"""Axioms of the geometry, and agreement with py360convert."""

from __future__ import annotations

import math

import numpy as np
import py360convert
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.geometry import (
    DEFAULT_HFOV,
    Look,
    angles_to_directions,
    camera_rays,
    directions_to_angles,
    erp_angles,
    look_from_rotation,
    pad_erp,
    rotation_tensor,
    sample_erp,
    sample_padded,
    vertical_fov,
    viewport_directions,
    viewport_grid,
    wrap_yaw,
)

yaws = st.floats(-20, 20)
pitches = st.floats(-1.5, 1.5)
rolls = st.floats(-3.1, 3.1)


def smooth_sphere(height: int = 256) -> torch.Tensor:
    """1×3×H×2H: a smooth function of direction, so that sampling it is nearly exact."""
    longitude, latitude = erp_angles(height, 2 * height)
    grid = torch.meshgrid(latitude, longitude, indexing="ij")
    x, y, z = angles_to_directions(grid[1], grid[0]).unbind(-1)
    channels = [0.5 + 0.4 * x * y, 0.5 + 0.3 * torch.sin(3 * z), 0.5 + 0.4 * torch.cos(2 * y - x)]
    return torch.stack(channels)[None]


@given(yaws)
def test_wrapping_keeps_the_direction_and_its_range(yaw: float) -> None:
    wrapped = wrap_yaw(yaw)
    assert -math.pi <= wrapped < math.pi
    assert math.isclose(math.cos(wrapped), math.cos(yaw), abs_tol=1e-9)
    assert math.isclose(math.sin(wrapped), math.sin(yaw), abs_tol=1e-9)


@given(yaws, pitches, rolls)
def test_rotations_are_proper_and_inverted_by_their_transpose(
    yaw: float, pitch: float, roll: float
) -> None:
    rotation = Look(yaw, pitch, roll).rotation()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert math.isclose(np.linalg.det(rotation), 1.0, abs_tol=1e-9)


@given(yaws, pitches, rolls)
def test_a_look_comes_back_from_its_rotation(yaw: float, pitch: float, roll: float) -> None:
    look = look_from_rotation(Look(yaw, pitch, roll).rotation())
    assert math.isclose(wrap_yaw(look.yaw - yaw), 0.0, abs_tol=1e-6)
    assert math.isclose(look.pitch, pitch, abs_tol=1e-6)
    assert math.isclose(look.roll, roll, abs_tol=1e-6)


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2])
@given(yaw=yaws, roll=rolls)
def test_straight_up_and_down_come_back_as_the_same_rotation(
    pitch: float, yaw: float, roll: float
) -> None:
    rotation = Look(yaw, pitch, roll).rotation()
    np.testing.assert_allclose(look_from_rotation(rotation).rotation(), rotation, atol=1e-6)


@given(yaws, pitches, rolls)
def test_tensors_rotate_like_looks(yaw: float, pitch: float, roll: float) -> None:
    values = [torch.tensor(v, dtype=torch.float64) for v in (yaw, pitch, roll)]
    np.testing.assert_allclose(
        rotation_tensor(*values).numpy(), Look(yaw, pitch, roll).rotation(), atol=1e-12
    )


@given(yaws, pitches)
def test_the_centre_of_a_viewport_is_its_look(yaw: float, pitch: float) -> None:
    directions = viewport_directions(Look(yaw, pitch), 9, 15)
    longitude, latitude = directions_to_angles(directions[4, 7])
    assert math.isclose(wrap_yaw(longitude.item() - yaw), 0.0, abs_tol=1e-4)
    assert math.isclose(latitude.item(), pitch, abs_tol=1e-5)


def test_right_is_more_yaw_up_is_more_pitch_and_roll_leans_clockwise() -> None:
    directions = viewport_directions(Look(0.2, 0.1), 9, 15)
    longitude, latitude = directions_to_angles(directions)
    assert longitude[4, 8] > longitude[4, 7]
    assert latitude[3, 7] > latitude[4, 7]
    leaning = viewport_directions(Look(0.0, 0.0, 0.3), 9, 15)
    _, leaning_latitude = directions_to_angles(leaning)
    assert leaning_latitude[4, 14] < 0 < leaning_latitude[4, 0]


def test_angles_and_directions_are_inverse() -> None:
    longitude, latitude = erp_angles(64, 128)
    grid = torch.meshgrid(latitude, longitude, indexing="ij")
    back_longitude, back_latitude = directions_to_angles(angles_to_directions(grid[1], grid[0]))
    torch.testing.assert_close(back_longitude, grid[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(back_latitude, grid[0], atol=1e-5, rtol=0)


def test_the_frame_starts_at_minus_180_degrees_and_the_top() -> None:
    longitude, latitude = erp_angles(4, 8)
    assert longitude[0].item() == pytest.approx(-math.pi + math.pi / 8)
    assert latitude[0].item() == pytest.approx(math.pi / 2 - math.pi / 8)


def test_the_field_of_view_is_the_papers() -> None:
    assert math.degrees(vertical_fov(math.radians(78.1), 1080, 1920)) == pytest.approx(
        49.1, abs=0.1
    )
    rays = camera_rays(1080, 1920, math.tan(math.radians(78.1) / 2), dtype=torch.float64)
    edge = rays[540, -1, 0] + rays[540, 1, 0] - rays[540, 0, 0]  # half a pixel beyond the centre
    assert math.degrees(math.atan(float(edge))) == pytest.approx(39.05, abs=0.05)


def test_padding_continues_over_seam_and_poles() -> None:
    frame = smooth_sphere(64)
    padded = pad_erp(frame, 2)
    wide = smooth_sphere(64)
    assert torch.equal(padded[..., 2:-2, :2], wide[..., -2:])
    assert torch.equal(padded[..., 1, 2:-2], wide[..., 0, :].roll(64, -1))
    assert torch.equal(padded[..., -1, 2:-2], wide[..., -2, :].roll(64, -1))


@pytest.mark.parametrize(("height", "width", "amount"), [(5, 8, 1), (6, 7, 3), (3, 6, 3)])
def test_the_gradient_of_padding_returns_to_the_pixels_it_copied(
    height: int, width: int, amount: int
) -> None:
    torch.manual_seed(0)
    places = torch.arange(height * width, dtype=torch.float64).view(1, 1, height, width)
    copied = pad_erp(places, amount)[0, 0].long()
    x = torch.randn(2, 3, height, width, requires_grad=True)
    padded = pad_erp(x, amount)
    assert torch.equal(padded, x.flatten(-2)[..., copied])
    weights = torch.randn_like(padded)
    (gradient,) = torch.autograd.grad((padded * weights).sum(), x)
    expected = torch.zeros(2, 3, height * width)
    expected.index_add_(-1, copied.flatten(), weights.flatten(-2))
    torch.testing.assert_close(gradient, expected.view_as(x))


@settings(max_examples=30)
@given(yaws, st.floats(-math.pi / 2, math.pi / 2), rolls)
def test_sampling_has_no_seam_and_no_pinch(yaw: float, pitch: float, roll: float) -> None:
    directions = viewport_directions(Look(yaw, pitch, roll), 48, 80)
    x, y, z = torch.nn.functional.normalize(directions, dim=-1).unbind(-1)
    expected = torch.stack(
        [0.5 + 0.4 * x * y, 0.5 + 0.3 * torch.sin(3 * z), 0.5 + 0.4 * torch.cos(2 * y - x)]
    )
    assert (sample_erp(smooth_sphere(), directions)[0] - expected).abs().max() < 2e-3


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "roll_deg"),
    [(0, 0, 0), (179, 10, 0), (-120, -60, 0), (30, 85, 0), (45, 20, 15)],
)
def test_viewports_agree_with_py360convert(
    yaw_deg: float, pitch_deg: float, roll_deg: float
) -> None:
    frame = smooth_sphere()
    ours = sample_erp(
        frame, viewport_directions(Look.from_degrees(yaw_deg, pitch_deg, roll_deg, 78.1), 90, 160)
    )[0]
    fov = (78.1, math.degrees(vertical_fov(math.radians(78.1), 90, 160)))
    theirs = py360convert.e2p(
        frame[0].permute(1, 2, 0).numpy(), fov, yaw_deg, pitch_deg, (90, 160), roll_deg
    )
    difference = (ours.permute(1, 2, 0) - torch.from_numpy(theirs)).abs()
    # py360convert puts its outermost samples on the edge of the field of view, ours lie half a
    # pixel inside; 0.25 degrees of a smooth sphere are below this bound, a wrong sign is far above.
    assert difference.max() < 0.02


def test_half_precision_reaches_frames_and_never_directions() -> None:
    frame = smooth_sphere(192)
    directions = viewport_directions(Look(2.9, 0.5), 40, 60)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(viewport_directions(Look(2.9, 0.5), 40, 60), directions)
    coarse = frame.bfloat16()
    sampled = sample_erp(coarse, directions)
    torch.testing.assert_close(sampled, sample_erp(coarse.float(), directions), atol=0, rtol=0)
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(TypeError, match="float32 or float64"):
            sample_erp(frame, directions.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_sampled_where_full_precision_ones_are(
    dtype: torch.dtype,
) -> None:
    # Stripes that any type holds exactly: a shift by half a pixel would change them by a half.
    columns = (torch.arange(258) % 2).float().expand(1, 1, 130, 258)
    look = torch.tensor([[2.0, 0.3, 0.0, DEFAULT_HFOV]], dtype=torch.float64)
    grid = viewport_grid(look, (24, 48), (130, 258))
    exact, sampled = sample_padded(columns, grid), sample_padded(columns.to(dtype), grid)
    assert (sampled - exact).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("numbers", "hint"),
    [((0, 1.6), False), ((0, -90), True), ((0, 0, 0, 110), True), ((0, 0, 0, 3.15), False)],
)
def test_a_look_beyond_its_range_is_refused(numbers: tuple[float, ...], hint: bool) -> None:
    with pytest.raises(InputError, match="must be between") as caught:
        Look(*numbers)
    assert ("from_degrees" in str(caught.value)) == hint


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_look_of_no_number_is_refused(number: float, place: int) -> None:
    numbers = [0.0, 0.0, 0.0, 1.0]
    numbers[place] = number
    with pytest.raises(InputError, match="finite"):
        Look(*numbers)


def test_a_yaw_that_looks_like_degrees_is_doubted() -> None:
    with pytest.warns(UserWarning, match=r"14\.3 turns.*Look\.from_degrees"):
        Look(90)


def test_any_yaw_in_radians_is_taken(recwarn: pytest.WarningsRecorder) -> None:
    for yaw in (0, 1, -6, 90.5, -1e6 / 7):
        Look(yaw)
    assert not recwarn.list
