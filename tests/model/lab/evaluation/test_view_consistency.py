"""A sphere that is the same from everywhere is consistent; one that is not shows where."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nerv360.geometry import DEFAULT_HFOV, Look
from nerv360.lab.evaluation.methods import DecoderMethod
from nerv360.lab.evaluation.view_consistency import disagreement, measure_view_consistency
from nerv360.metrics.similarity import cut_viewport
from tests.support.spheres import SphereEngine, smooth_sphere

SPHERE = smooth_sphere(128, 256).float() / 255


def still(look: Look, frame: int) -> Tensor:
    return cut_viewport(SPHERE, look, 54, 96)


def test_a_still_sphere_is_consistent_and_has_no_seam() -> None:
    result = measure_view_consistency(still, [0], DEFAULT_HFOV)
    assert result.shimmer_db > 55
    assert result.seam_db > 55


def test_a_seam_shows_in_its_own_number_alone() -> None:
    def torn(look: Look, frame: int) -> Tensor:
        past = look.yaw > math.pi
        return still(look, frame) + (0.05 if past else 0.0)

    result = measure_view_consistency(torn, [0], DEFAULT_HFOV)
    assert result.shimmer_db > 55
    assert result.seam_db == pytest.approx(-20 * math.log10(0.05), abs=0.3)


def test_shimmer_is_measured_in_decibels_of_the_difference() -> None:
    sign = [0.01]

    def shimmering(look: Look, frame: int) -> Tensor:
        sign[0] = -sign[0]
        return still(look, frame) + sign[0]

    error = disagreement(shimmering, Look.from_degrees(30, 20), 0)
    assert error == pytest.approx(0.02**2, rel=0.02)


@pytest.mark.parametrize("full_frame", [False, True])
def test_every_method_is_rounded_to_8_bits_before_it_is_compared(full_frame: bool) -> None:
    """Unrounded cuts would shimmer less than the rounded pictures that all of them become."""
    engine = SphereEngine([smooth_sphere(128, 256)], (54, 96), full_frame)
    method = DecoderMethod("a", 0, engine, (54, 96), (128, 256))
    assert method.view(Look.from_degrees(33, 20), 0).dtype == torch.uint8


def test_the_overlap_alone_counts() -> None:
    def framed(look: Look, frame: int) -> Tensor:
        picture = still(look, frame).clone()
        half = picture.shape[1] // 2
        picture[:, :half][:, : half - 40] = 0 if look.yaw > 0 else picture[:, :1]
        return picture

    whole = disagreement(still, Look(), 0, step_deg=30)
    assert whole < 1e-4
    assert disagreement(framed, Look(), 0, step_deg=30) > whole
    assert torch.isfinite(torch.tensor(whole))
