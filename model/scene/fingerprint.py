"""A clip's fingerprint: enough of its decoded pictures to tell it from another clip.

Of `SAMPLES` pictures, spread from the first to the last, it holds the exact hash and a small grey
thumbnail. A clip in another container has the same hashes; one that was encoded again has other
hashes and nearly the same thumbnails; another clip, or another part of the same one, has neither.
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

from model.errors import InputError

SAMPLES = 8
GRID = (16, 32)
MEAN_LIMIT, CELL_LIMIT = 4.0, 20.0
"""Levels of 255 by which a thumbnail may differ on average and in one cell of `GRID`: encoded again
at CRF 40, the clips that this was tried on differed by up to 2 and 10.
"""
MOVED_CELL, MOVED_RATIO = 8.0, 25.0
"""Encoding errs all over the picture, the largest cell ten times the mean. Where one cell stands
out by more than that, something has moved: it is another part of a clip with a still camera.
"""


@dataclass(frozen=True)
class Sample:
    """One picture: SHA-256 of its RGB bytes in hexadecimal, and its mean greys in `GRID`."""

    sha256: str
    thumbnail: bytes

    @classmethod
    def of(cls, picture: Tensor) -> Sample:
        """The sample of a height×width×3 uint8 picture on the CPU."""
        grey = F.adaptive_avg_pool2d(picture.float().mean(-1)[None, None], GRID)
        exact = hashlib.sha256(picture.contiguous().numpy().data).hexdigest()
        return cls(exact, grey.round().byte().numpy().tobytes())


@dataclass(frozen=True)
class Fingerprint:
    """The samples of a clip's pictures at `sampled_frames`, in their order."""

    samples: tuple[Sample, ...]

    def to_json(self) -> dict[str, list[str]]:
        """Plain JSON values."""
        return {
            "sha256": [sample.sha256 for sample in self.samples],
            "thumbnails": [base64.b64encode(s.thumbnail).decode() for s in self.samples],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], frames: int) -> Fingerprint:
        """The inverse of `to_json`, for a clip of ``frames`` pictures.

        Raises:
            InputError: it is not the fingerprint of so many pictures.
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
    """Collector of the samples among a clip's pictures, which it takes in order."""

    def __init__(self, frames: int) -> None:
        self._wanted = set(sampled_frames(frames))
        self._samples: list[Sample] = []

    def see(self, index: int, picture: Tensor) -> None:
        """Take picture ``index``, height×width×3 uint8 on the CPU."""
        if index in self._wanted:
            self._samples.append(Sample.of(picture))

    @property
    def fingerprint(self) -> Fingerprint:
        """Fingerprint of the pictures seen."""
        return Fingerprint(tuple(self._samples))


@dataclass(frozen=True)
class Likeness:
    """Agreement of two clips.

    Attributes:
        same: every sampled picture is the same, bit for bit.
        alike: they are the same pictures, encoded again where not ``same``.
        difference: the largest mean difference of two thumbnails, levels of 255.
    """

    same: bool
    alike: bool
    difference: float


def sampled_frames(frames: int) -> list[int]:
    """Up to `SAMPLES` of ``frames`` indices, the first and the last among them."""
    last = min(SAMPLES, frames) - 1
    return [k * (frames - 1) // last for k in range(last + 1)] if last else [0]


def likeness(known: Fingerprint, samples: Iterable[Sample]) -> Likeness:
    """Compare sample by sample; ``samples`` are not read beyond the first that is not alike."""
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
