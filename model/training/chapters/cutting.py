"""Cuts a clip into chapters: at scene cuts, and evenly between them."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nerv360.progress import track
from nerv360.scene import MAX_CHAPTERS
from nerv360.video import Clip

CHAPTER_S = 10.0
"""Seconds of a chapter."""
LONGER = 0.1
"""Share by which a chapter may be longer, so that a clip of little more stays whole."""
_SHORTEST = 0.2
"""Share of a chapter's length that a cut must leave on both sides; each chapter takes megabytes."""
_GRID = 64, 32
_CUT = 16.0
"""Mean difference of two successive pictures, in levels of 255, from which on it may be a cut.

Three clips differed by up to 10 from picture to picture, and by about 50 from each other.
"""
_SUDDEN = 3.0
"""Ratio of a cut's difference to the differences around it: a turning camera changes steadily."""
_AROUND = 8


def find_cuts(clip: Clip) -> list[int]:
    """Return the frames of a clip that show another scene than the frames before.

    A flash is no cut, because the scene is the same before and after it.

    Raises:
        InputError: the clip cannot be read.
    """
    latest: deque[npt.NDArray[np.float32]] = deque(maxlen=4)
    apart, gaps = [0.0], []  # to the frame before; to the third frame after
    for small in track(_thumbnails(clip), f"looking for cuts in {clip.path.name}", len(clip.shown)):
        latest.append(small)
        if len(latest) > 1:
            apart.append(float(np.abs(latest[-1] - latest[-2]).mean()))
        if len(latest) == 4:
            gaps.append(float(np.abs(latest[3] - latest[0]).mean()))
    return [frame for frame in range(1, len(apart)) if _is_cut(apart, gaps, frame)]


def _is_cut(apart: Sequence[float], gaps: Sequence[float], frame: int) -> bool:
    across = [gaps[first] for first in (frame - 3, frame - 1) if 0 <= first < len(gaps)]
    if min([apart[frame], *across]) < _CUT:
        return False
    around = [*apart[max(1, frame - _AROUND) : frame], *apart[frame + 1 : frame + 1 + _AROUND]]
    return apart[frame] > _SUDDEN * float(np.median(around or [0.0]))


def _thumbnails(clip: Clip) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the greys of each frame, reduced to `_GRID`."""
    decoded = clip.decoded(placed=False)
    if decoded is not None:
        for frame in decoded:
            yield (
                frame.reformat(*_GRID, format="gray", interpolation="AREA")
                .to_ndarray()
                .astype(np.float32)
            )
        return
    rows = [round((k + 0.5) * clip.info.height / _GRID[1]) for k in range(_GRID[1])]
    columns = [round((k + 0.5) * clip.info.width / _GRID[0]) for k in range(_GRID[0])]
    for picture in clip:
        yield picture[rows][:, columns].float().mean(-1).numpy()


def cut_into_chapters(frames: int, longest: float, cuts: Sequence[int] = ()) -> tuple[int, ...]:
    """Return the first frames of chapters: at cuts, and evenly between them.

    Args:
        longest: number of frames of a chapter; one may have `LONGER` more, and all have more if
            there would be over `MAX_CHAPTERS`.
        cuts: frames that begin another scene; some are left out where chapters would be short.
    """
    least = _SHORTEST * longest
    begins = [0]
    for cut in cuts:
        if cut - begins[-1] >= least and frames - cut >= least:
            begins.append(cut)
    firsts: list[int] = []
    for first, end in itertools.pairwise([*begins, frames]):
        count = max(1, math.ceil((end - first) / longest - LONGER))
        firsts += [first + (end - first) * k // count for k in range(count)]
    if len(firsts) > MAX_CHAPTERS:
        return cut_into_chapters(frames, 1.5 * longest, cuts)
    return tuple(firsts)
