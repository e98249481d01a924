"""Rivals that win are named below the table."""

from __future__ import annotations

import pytest

from nerv360.lab.rates import RateCurve, RatePoint, compared, draw_rates, verdicts

TITLES = {"x265": "x265", "av1": "AV1", "nerv360": "NeRV360", "hnerv": "HNeRV"}
CURVE = [(100_000, 30.0), (200_000, 33.0), (400_000, 36.0)]


def row(method: str, factor: float, better: float = 0.0, *, moves: bool = True) -> RateCurve:
    """Return a method with `CURVE` at ``factor`` times the bytes."""
    points = [
        RatePoint("", round(size * factor), db + better, db - 2 if moves else None, {})
        for size, db in CURVE
    ]
    architecture = method if method in ("nerv360", "hnerv") else None
    return RateCurve(method, TITLES[method], architecture, "", 0.0, points)


def test_every_row_is_compared_with_x265() -> None:
    rows = compared([row("x265", 1), row("av1", 0.5), row("nerv360", 3, moves=False)])
    assert rows[0].rate_difference == {"psnr_db": None, "moving_db": None}
    percents = [row.rate_difference["psnr_db"] for row in rows[1:]]
    assert [it and it.percent for it in percents] == pytest.approx([-50, 200])
    assert rows[2].rate_difference["moving_db"] is None


def test_rivals_that_win_are_named() -> None:
    rows = [row("x265", 1), row("av1", 0.5), row("nerv360", 4), row("hnerv", 3, better=0.5)]
    said = verdicts(compared(rows))
    assert said[0] == (
        "Fewest bytes at equal quality on average: AV1 (-50 % against x265); of the networks HNeRV "
        "(+167 %), before NeRV360's best, NeRV360 (+300 %)."
    )
    assert said[1] == (
        "Best network on average: HNeRV, 36.50 dB in 1200.0 kB; NeRV360's best is NeRV360, "
        "36.00 dB."
    )
    assert said[2] == (
        "Fewest bytes at equal quality where it moves: AV1 (-50 % against x265); of the networks "
        "HNeRV (+200 %), before NeRV360's best, NeRV360 (+300 %)."
    )


def test_many_percent_are_said_as_times() -> None:
    said = verdicts(compared([row("x265", 1), row("nerv360", 30)]))
    assert said[0].endswith("on average: x265; of the networks NeRV360 (30.0 times).")


def test_nothing_is_said_against_ours_where_it_wins() -> None:
    rows = [row("x265", 1), row("nerv360", 0.25, better=1), row("hnerv", 3)]
    said = verdicts(compared(rows))
    assert said[2] == "Fewest bytes at equal quality where it moves: NeRV360 (-75 % against x265)."
    assert said[1] == "Best network on average: NeRV360, 37.00 dB in 100.0 kB."


def test_networks_far_below_are_not_ranked() -> None:
    said = verdicts(compared([row("x265", 1), row("nerv360", 2, better=-10)]))
    assert said[0] == (
        "Fewest bytes at equal quality on average: x265; no network has a quality in common with "
        "x265."
    )


def test_what_is_finished_is_drawn_whatever_it_is() -> None:
    png = b"\x89PNG"
    assert draw_rates([]).startswith(png)
    still = [row("x265", 1, moves=False)]
    whole = [*still, row("nerv360", 2)]
    assert draw_rates(still).startswith(png)
    assert len(draw_rates(whole)) > len(draw_rates(still))
