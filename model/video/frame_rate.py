"""Frame rate of a clip, found from the times at which its pictures are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nerv360.errors import InputError

MIN_FPS, MAX_FPS = Fraction(1, 1000), Fraction(1000)
_CUSTOMARY = [
    *(Fraction(rate) for rate in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 90, 120, 240)),
]
_TOLERANCE = Fraction(1, 50)


@dataclass(frozen=True)
class FrameRate:
    """A constant rate, and repeats that bring pictures of other times to it.

    Attributes:
        fps: pictures a second.
        repeats: how many times each picture is shown in a row at that rate, 0 or more; None if once
            each.
        note: a clause for people on what had to be assumed; often empty.
    """

    fps: Fraction
    repeats: tuple[int, ...] | None = None
    note: str = ""


def find_frame_rate(
    times: Sequence[Fraction], claimed: Fraction | None, tick: Fraction
) -> FrameRate | None:
    """Find the constant rate of pictures that are shown at ``times``, or None for fewer than two.

    The rate that the header claims is kept if the times agree with it. Otherwise it is the mean
    rate. If pictures would then be shown more than half a picture early or late, it is the rate of
    their usual distance: each is shown when it is due, and gaps are filled by repeating.

    Args:
        times: in seconds, in order.
        claimed: pictures a second by the header.
        tick: seconds to which the times are rounded.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    gaps, span = len(times) - 1, times[-1] - times[0]
    mean = _customary(gaps / span, tick / span)
    slack = 2 * tick + _TOLERANCE * span
    if claimed and _is_even(times, claimed) and abs(span - gaps / claimed) <= slack:
        return FrameRate(claimed)
    if _is_even(times, mean):
        return FrameRate(mean, note=_corrected(claimed, mean) if claimed is not None else "")
    usual = statistics.median(end - start for start, end in pairwise(times) if end > start)
    error = _TOLERANCE + tick / usual
    rate = _customary(1 / usual, error)
    if claimed is not None and abs(claimed * usual - 1) <= error:
        rate = claimed
    due = _due(times, rate)
    repeats = (*(after - before for before, after in pairwise(due)), 1)
    return FrameRate(rate, repeats, _resampled(rate, repeats))


def believable(claimed: Fraction | None) -> bool:
    """Return whether a clip may have the rate ``claimed``."""
    return claimed is not None and MIN_FPS <= claimed <= MAX_FPS


def _corrected(claimed: Fraction, rate: Fraction) -> str:
    return (
        f"its header says {float(claimed):g} pictures a second, but its pictures' times give "
        f"{float(rate):g}, which is used"
    )


def _resampled(rate: Fraction, repeats: Sequence[int]) -> str:
    repeated, left_out = sum(max(n - 1, 0) for n in repeats), sum(n == 0 for n in repeats)
    return (
        f"its pictures come at uneven times: at {float(rate):g} a second its {len(repeats)} "
        f"pictures make {sum(repeats)} frames, {repeated} of them repeats, and {left_out} "
        f"{'is' if left_out == 1 else 'are'} left out"
    )


def _customary(rate: Fraction, error: Fraction) -> Fraction:
    """Return the customary rate within a relative ``error`` of ``rate``, or ``rate`` itself."""
    nearest = min(_CUSTOMARY, key=lambda usual: abs(usual - rate))
    return nearest if abs(nearest / rate - 1) <= error else rate.limit_denominator(10**6)


def _is_even(times: Sequence[Fraction], rate: Fraction) -> bool:
    return _due(times, rate) == list(range(len(times)))


def _due(times: Sequence[Fraction], rate: Fraction) -> list[int]:
    """Return the index of each picture at a constant rate, the first being 0."""
    return [int((time - times[0]) * rate + Fraction(1, 2)) for time in times]


def trimmed(
    shown: npt.NDArray[np.int64], fps: float, start: float, duration: float | None, path: Path
) -> npt.NDArray[np.int64]:
    """Return the frames of ``shown`` from ``start`` on, for ``duration`` seconds or to the end.

    Raises:
        InputError: there are none.
    """
    first = round(start * fps)
    last = len(shown) if duration is None else first + max(round(duration * fps), 1)
    if start < 0 or first >= len(shown):
        raise InputError(f"{path} lasts {len(shown) / fps:g} s: it has nothing from {start:g} s on")
    if duration is not None and duration <= 0:
        raise InputError(f"a duration of {duration:g} s leaves nothing of {path}")
    return shown[first:last]
