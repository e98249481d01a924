"""The rate of a clip follows from its pictures' times where its header cannot be believed."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.video.frame_rate import find_frame_rate

NTSC = Fraction(30000, 1001)
MS = Fraction(1, 1000)


def rounded(rate: Fraction, count: int, tick: Fraction = MS) -> list[Fraction]:
    """Return times of pictures at a constant rate, as a container that counts ``tick`` does."""
    return [round(k / rate / tick) * tick for k in range(count)]


@pytest.mark.parametrize("rate", [NTSC, Fraction(24000, 1001), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("count", [2, 3, 30, 3000])
def test_a_true_claim_is_kept_to_the_letter(rate: Fraction, count: int) -> None:
    frame_rate = find_frame_rate(rounded(rate, count), rate, MS)
    assert frame_rate is not None
    assert (frame_rate.fps, frame_rate.repeats, frame_rate.note) == (rate, None, "")


@pytest.mark.parametrize("claimed", [Fraction(29971), Fraction(1000), Fraction(1), Fraction(60)])
@pytest.mark.parametrize("count", [12, 300])
def test_a_false_claim_gives_way_to_the_times(claimed: Fraction, count: int) -> None:
    frame_rate = find_frame_rate(rounded(NTSC, count), claimed, MS)
    assert frame_rate is not None
    assert (frame_rate.fps, frame_rate.repeats) == (NTSC, None)
    assert f"{float(claimed):g}" in frame_rate.note
    assert "29.97" in frame_rate.note


def test_an_unusual_rate_is_measured() -> None:
    frame_rate = find_frame_rate(rounded(Fraction(17), 200), None, MS)
    assert frame_rate is not None
    assert float(frame_rate.fps) == pytest.approx(17, rel=1e-3)
    assert frame_rate.repeats is None


def test_pictures_that_stop_for_a_while_are_repeated_there() -> None:
    shown_ms = [0, 33, 67, 100, 133, 400, 433, 467]
    frame_rate = find_frame_rate([ms * MS for ms in shown_ms], Fraction(25600, 1601), MS)
    assert frame_rate is not None
    assert frame_rate.fps == 30
    assert frame_rate.repeats == (1, 1, 1, 1, 8, 1, 1, 1)
    assert "its 8 pictures make 15 frames, 7 of them repeats, and 0 are left out" in frame_rate.note


def test_pictures_that_come_too_fast_are_left_out() -> None:
    shown_ms = [0, 100, 200, 300, 310, 320, 400, 500, 600]
    frame_rate = find_frame_rate([ms * MS for ms in shown_ms], None, MS)
    assert frame_rate is not None
    assert frame_rate.fps == 10
    assert frame_rate.repeats == (1, 1, 1, 0, 0, 1, 1, 1, 1)
    assert "2 are left out" in frame_rate.note


def test_a_film_in_thirds_of_video_stays_one_picture_each() -> None:
    """3:2 pulldown: no picture is half a picture off its place."""
    times = [Fraction(n, 60) for n in accumulate([0, 3, 2, 3, 2, 3, 2, 3, 2])]
    frame_rate = find_frame_rate(times, Fraction(60), Fraction(1, 60))
    assert frame_rate is not None
    assert frame_rate.fps == 24
    assert frame_rate.repeats is None


def test_too_little_tells_nothing() -> None:
    assert find_frame_rate([], NTSC, MS) is None
    assert find_frame_rate([Fraction(3)], NTSC, MS) is None
    assert find_frame_rate([Fraction(3)] * 4, NTSC, MS) is None


@given(st.lists(st.integers(0, 200), min_size=2, max_size=40), st.integers(0, 10**6))
def test_every_picture_is_shown_within_half_a_picture_of_its_time(
    gaps_ms: list[int], start_ms: int
) -> None:
    times = [ms * MS for ms in accumulate([start_ms, *gaps_ms])]
    frame_rate = find_frame_rate(times, None, MS)
    if times[0] == times[-1]:
        assert frame_rate is None
        return
    assert frame_rate is not None
    repeats = frame_rate.repeats or (1,) * len(times)
    starts = [0, *accumulate(repeats)]
    assert starts[-1] >= 1
    for time, start, count in zip(times, starts[:-1], repeats, strict=True):
        if count:
            assert abs(start / frame_rate.fps - (time - times[0])) <= 1 / frame_rate.fps / 2
