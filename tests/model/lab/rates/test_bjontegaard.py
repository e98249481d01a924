"""Bytes at equal quality, as Bjøntegaard compares them."""

from __future__ import annotations

import pytest

from nerv360.lab.rates.bjontegaard import rate_difference

ANCHOR = [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)]
TEST = [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)]


def test_the_same_curve_at_half_the_bytes_is_half_as_large() -> None:
    half = [(size / 2, quality) for size, quality in ANCHOR]
    found = rate_difference(ANCHOR, half)
    assert found.percent == pytest.approx(-50)
    assert (found.low_db, found.high_db) == (34.851, 40.037)
    assert rate_difference(half, ANCHOR).percent == pytest.approx(100)
    assert rate_difference(ANCHOR, ANCHOR[::-1]).percent == pytest.approx(0, abs=1e-9)


def test_it_is_what_the_field_computes() -> None:
    """Of the package bjontegaard 1.3.0, method ``pchip``."""
    assert rate_difference(ANCHOR, TEST).percent == pytest.approx(-4.417485350589, abs=1e-6)


def test_points_that_cost_more_and_look_no_better_do_not_count() -> None:
    wasteful = [*TEST, (5000.0, 38.0), (20_000.0, 40.121)]
    assert rate_difference(ANCHOR, wasteful) == rate_difference(ANCHOR, TEST)


@pytest.mark.parametrize(("shift", "apart"), [(-6.0, "below"), (6.0, "above")])
def test_curves_without_a_quality_in_common_have_no_number(shift: float, apart: str) -> None:
    found = rate_difference(ANCHOR, [(size, quality + shift) for size, quality in TEST])
    assert found.percent is None
    assert found.apart == apart
    assert (found.low_db, found.high_db) == (34.987 + shift, 40.121 + shift)


def test_one_point_has_a_quality_but_no_curve() -> None:
    found = rate_difference(ANCHOR, [(3000.0, 38.0)])
    assert (found.percent, found.apart) == (None, "flat")
    assert rate_difference([(3000.0, 38.0)], TEST).apart == "flat"
