"""Measures the time of an engine for each of several pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from nerv360.decoding.engine import Engine
from nerv360.geometry import Look


def picture_seconds(engine: Engine, requests: Sequence[tuple[Look, int]]) -> list[float]:
    """Return the seconds of each picture, given by look and frame.

    On CUDA they are the times from one finished picture to the next, by events in the stream. The
    host waits only for the last picture, so that an engine that only enqueues is measured at its
    own pace.
    """
    return timed_pictures(engine, requests)[0]


def timed_pictures(
    engine: Engine, requests: Sequence[tuple[Look, int]]
) -> tuple[list[float], float]:
    """Return `picture_seconds`, and the mean `Picture.share`."""
    if engine.device.type != "cuda":
        pictures = (engine.decode(look, frame) for look, frame in requests)
        seconds, shares = zip(*((each.decode_s, each.share) for each in pictures), strict=True)
        return list(seconds), sum(shares) / len(shares)
    stream = torch.cuda.current_stream(engine.device)
    marks = [_mark() for _ in range(len(requests) + 1)]
    marks[0].record(stream)
    for mark, (look, frame) in zip(marks[1:], requests, strict=True):
        engine.decode(look, frame)
        mark.record(stream)
    marks[-1].synchronize()
    return [start.elapsed_time(end) / 1000 for start, end in pairwise(marks)], 1.0


def _mark() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
