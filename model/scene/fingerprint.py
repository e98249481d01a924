"""A clip's fingerprint: hashes and thumbnails that tell it from other clips.

It holds the exact hash and a small grey thumbnail of `SAMPLES` pictures, evenly spread from the
first to the last.

- The same clip in another container has the same hashes.
- A re-encoded clip has other hashes and nearly the same thumbnails.
- Another clip, or another part of the same clip, has other hashes and other thumbnails.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.errors import InputError

SAMPLES = 8
GRID = (16, 32)
MEAN_LIMIT, CELL_LIMIT = 4.0, 20.0
"""Limits, in levels of 255, for the mean difference of two thumbnails and for one cell of `GRID`.

The clips tried, re-encoded at CRF 40, differed by up to 2 and 10.
"""
MOVED_CELL, MOVED_RATIO = 8.0, 25.0
"""One cell that differs by more than both limits (levels of 255, multiple of the mean) has moved.

Encoding errors are spread over the picture, the largest cell at most ten times the mean. A cell
beyond that means that something has moved: it is another part of a clip with a still camera.
"""


@dataclass(frozen=True)
class Sample:
    """SHA-256 of a picture's RGB bytes in hexadecimal, and its mean greys in `GRID`."""

    sha256: str
    thumbnail: bytes

    @classmethod
    def of(cls, picture: Tensor) -> Sample:
        """Compute the sample of a height×width×3 uint8 picture on the CPU."""
        grey = F.adaptive_avg_pool2d(picture.float().mean(-1)[None, None], GRID)
        exact = hashlib.sha256(picture.contiguous().numpy().data).hexdigest()
        return cls(exact, grey.round().byte().numpy().tobytes())


@dataclass(frozen=True)
class Fingerprint:
    """Samples of a clip's pictures at `sampled_frames`, in order."""

    samples: tuple[Sample, ...]

    def to_json(self) -> dict[str, list[str]]:
        """Return plain JSON values."""
        return {
            "sha256": [sample.sha256 for sample in self.samples],
            "thumbnails": [base64.b64encode(s.thumbnail).decode() for s in self.samples],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], frames: int) -> Fingerprint:
        """Build a fingerprint from the result of `to_json`, for a clip of ``frames`` pictures.

        Raises:
            InputError: it is not the fingerprint of that many pictures.
        """
        count = len(sampled_frames(frames))
        hashes, thumbnails = values.get("sha256"), values.get("thumbnails")
        if set(values) != {"sha256", "thumbnails"} or not (
            _texts(hashes, count) and _texts(thumbnails, count)
        ):
            raise InputError(f"its fingerprint must hold sha256 and thumbnails, {count} texts each")
        assert hashes is not None
        assert thumbnails is not None
        try:
            decoded = [base64.b64decode(text, validate=True) for text in thumbnails]
        except (binascii.Error, ValueError) as error:
            raise InputError("its fingerprint has a thumbnail that is no base64") from error
        if not all(re.fullmatch("[0-9a-f]{64}", text) for text in hashes):
            raise InputError("its fingerprint has a hash that is no SHA-256")
        if any(len(thumbnail) != GRID[0] * GRID[1] for thumbnail in decoded):
            raise InputError(f"its fingerprint's thumbnails must be {GRID[1]}x{GRID[0]}")
        return cls(tuple(Sample(*pair) for pair in zip(hashes, decoded, strict=True)))


class FingerprintMaker:
    """Collects the samples from a clip's pictures, given in order."""

    def __init__(self, frames: int) -> None:
        self._wanted = set(sampled_frames(frames))
        self._samples: list[Sample] = []

    def see(self, index: int, picture: Tensor) -> None:
        """Add picture ``index``, height×width×3 uint8 on the CPU."""
        if index in self._wanted:
            self._samples.append(Sample.of(picture))

    @property
    def fingerprint(self) -> Fingerprint:
        """Fingerprint of the pictures so far."""
        return Fingerprint(tuple(self._samples))


@dataclass(frozen=True)
class Likeness:
    """Agreement of two clips.

    Attributes:
        same: all sampled pictures are bit-identical.
        alike: they show the same pictures, re-encoded unless ``same``.
        difference: largest mean difference of two thumbnails, in levels of 255.
    """

    same: bool
    alike: bool
    difference: float


def sampled_frames(frames: int) -> list[int]:
    """Return up to `SAMPLES` of ``frames`` indices, including the first and the last."""
    last = min(SAMPLES, frames) - 1
    return [k * (frames - 1) // last for k in range(last + 1)] if last else [0]


def likeness(known: Fingerprint, samples: Iterable[Sample]) -> Likeness:
    """Compare sample by sample; stop reading ``samples`` at the first that is not alike."""
    same, difference = True, 0.0
    for ours, theirs in zip(known.samples, samples, strict=False):
        if ours.sha256 == theirs.sha256:
            continue
        same = False
        cells = (_greys(ours) - _greys(theirs)).abs()
        mean, largest = float(cells.mean()), float(cells.max())
        difference = max(difference, mean)
        moved = largest > MOVED_CELL and largest > MOVED_RATIO * mean
        if mean > MEAN_LIMIT or largest > CELL_LIMIT or moved:
            return Likeness(same=False, alike=False, difference=difference)
    return Likeness(same, alike=True, difference=difference)


def _greys(sample: Sample) -> Tensor:
    return torch.frombuffer(bytearray(sample.thumbnail), dtype=torch.uint8).float()


def _texts(values: object, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, str) and len(value) < 1000 for value in values)
    )
