"""Alpha by comparison: nothing where the pictures agree, everything where they do not."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nerv360.config import DEMO
from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.networks import Coverage, compared_panorama, composite, motion_map
from tests.support.spheres import smooth_sphere

CONFIG = DEMO.replace(still_panorama=True)
SIZE = (64, 96)
UNKNOWN = torch.full((1, 1, SIZE[0] // 4, SIZE[1] // 4), 0.12)
"""A motion map at its threshold, which decides nothing."""


def picture(*, grey: float = 0.5) -> torch.Tensor:
    return torch.full((1, 3, *SIZE), grey)


@pytest.mark.parametrize("full_frame", [False, True])
def test_another_thing_covers_and_the_same_does_not(full_frame: bool) -> None:
    coverage = Coverage(CONFIG, full_frame=full_frame)
    still = torch.full((1, 3, SIZE[0] // 4, SIZE[1] // 4), 0.5)
    shown = picture()
    shown[:, :, 24:40, 32:64] = 0.9
    alpha = coverage(shown, still, UNKNOWN)
    assert alpha.shape == (1, 1, *SIZE)
    assert float(alpha[0, 0, 26:38, 34:62].min()) > 0.95
    assert float(alpha[0, 0, :12].max()) < 0.1


def test_what_is_merely_soft_does_not_cover() -> None:
    torch.manual_seed(0)
    coverage = Coverage(CONFIG, full_frame=False)
    sharp = 0.5 + 0.1 * torch.randn(1, 3, *SIZE)
    cells = torch.nn.functional.avg_pool2d(sharp, 4)
    assert float(coverage(picture(), cells, UNKNOWN).detach().mean()) < 0.15


def test_the_decoded_picture_gets_a_gradient_through_alpha() -> None:
    coverage = Coverage(CONFIG, full_frame=False)
    shown = picture(grey=0.53).requires_grad_()
    still = torch.full((1, 3, SIZE[0] // 4, SIZE[1] // 4), 0.5)
    coverage(shown, still, UNKNOWN).sum().backward()
    assert shown.grad is not None
    assert float(shown.grad.abs().min()) > 0
    assert coverage.threshold.grad is not None
    assert float(coverage.threshold.grad) < 0


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (180, 0), (30, 90), (-100, -70)])
def test_a_viewport_is_compared_with_the_panorama_that_it_sees(yaw: float, pitch: float) -> None:
    coverage, look = Coverage(CONFIG, full_frame=False), Look.from_degrees(yaw, pitch)
    still = smooth_sphere(256, 512).to(torch.uint8)
    planes = still.permute(2, 0, 1)[None].float() / 255
    values = torch.tensor([[look.yaw, look.pitch, 0.0, look.hfov]], dtype=torch.float64)
    compared = coverage.compared_viewports(compared_panorama(still), values, SIZE)
    seen = viewport_directions(look, SIZE[0] // 4, SIZE[1] // 4)
    wanted = sample_erp(planes, seen)
    assert float((compared - wanted).abs().max()) < 0.02


def test_a_composite_is_between_the_two() -> None:
    still, alpha = torch.zeros(1, 3, *SIZE), torch.full((1, 1, *SIZE), 0.25)
    assert float((composite(picture(grey=0.8), alpha, still) - 0.2).abs().max()) < 1e-6


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (4, 7)])
def test_beyond_a_viewport_nothing_counts(size: tuple[int, int]) -> None:
    coverage = Coverage(DEMO, full_frame=False)
    cells, still = torch.rand(2, 2, 3, *size) * 0.1
    motion = torch.full((2, 1, *size), 0.0625)
    apart = F.avg_pool2d(cells - still, 3, stride=1, padding=1, count_include_pad=False)
    apart = apart.abs().mean(1, keepdim=True)
    wanted = torch.sigmoid(100 * (apart - 0.03) + 4 * math.tanh(100 * (0.25 * 0.0625 - 0.03)))
    alpha = coverage.of_cells(cells, still, motion, size)
    torch.testing.assert_close(alpha, wanted, rtol=1e-4, atol=1e-5)


def test_whole_frames_wrap() -> None:
    coverage = Coverage(CONFIG, full_frame=True)
    still = torch.full((1, 3, SIZE[0] // 4, SIZE[1] // 4), 0.5)
    shown = picture()
    shown[..., -4:] = 1.0
    assert float(coverage(shown, still, UNKNOWN)[0, 0, :, 0].detach().min()) > 0.5
    assert math.isclose(
        float(coverage(shown, still, UNKNOWN)[0, 0, 32, 48].detach()), 0.047, abs_tol=0.02
    )


def test_motion_decides_where_pictures_hardly_differ_and_cannot_freeze_where_they_do() -> None:
    coverage = Coverage(CONFIG, full_frame=False)
    still = torch.full((1, 3, SIZE[0] // 4, SIZE[1] // 4), 0.5)
    motion = torch.full_like(UNKNOWN, 1 / 32)  # the least
    motion[..., SIZE[1] // 8 :] = 1
    alpha = coverage(picture(grey=0.53), still, motion).detach()
    assert float(alpha[..., :40].max()) < 0.1
    assert float(alpha[..., 56:].min()) > 0.9
    assert float(coverage(picture(grey=0.62), still, motion).detach().min()) > 0.95


@pytest.mark.parametrize("full_frame", [False, True])
def test_without_motion_alpha_is_0_whatever_is_drawn(full_frame: bool) -> None:
    coverage = Coverage(CONFIG, full_frame=full_frame)
    still, motion = torch.zeros(1, 3, SIZE[0] // 4, SIZE[1] // 4), torch.zeros_like(UNKNOWN)
    motion[..., SIZE[1] // 8 :] = 1 / 32
    alpha = coverage(picture(grey=1.0), still, motion).detach()
    assert float(alpha[..., : SIZE[1] // 2 - 2].max()) == 0
    assert float(alpha[..., SIZE[1] // 2 + 2 :].min()) > 0.99


def test_a_motion_map_has_what_moves_and_no_noise() -> None:
    torch.manual_seed(0)
    still = smooth_sphere(128, 256).permute(2, 0, 1)[None].float() / 255
    frame = still + 0.01 * torch.randn_like(still)
    frame[..., 60:66, 0:6] += 0.2  # at the seam
    motion = motion_map(frame.clamp(0, 1), still)
    assert motion.shape == (16, 32)
    assert int(motion[7, 0]) > 60
    assert int(motion[7, 31]) > 60, "what touches it lies beyond the seam"
    assert int((motion > 0).sum()) <= 9
    assert len(set(motion.flatten().tolist())) <= 32
