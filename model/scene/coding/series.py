"""Series of frames, stored as the differences of values that change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.scene.coding.lzma_stream import Bytes, Stream, content_of, packed

DENSE = 1
"""Coding of a series in earlier files: with the differences of all values."""
SPARSE = 3
"""Coding of a series: with the differences of values that change."""
_BLOCK = 4096
"""Values whose series are transposed at a time: they fit into a CPU's cache."""


def packed_series(series: Bytes) -> Tensor:
    """Code bytes frames×channels×h×w as n uint8."""
    return packed(SPARSE, b"", differences(series))


def unpacked_series(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack the bytes of ``shape`` frames×channels×h×w.

    Raises:
        InputError: it is not a coded tensor of this shape.
    """
    coding, content = content_of(coded, DENSE, SPARSE)
    return torch.from_numpy(Series.unpacked(coding, content, shape).whole())


def check_series(coded: Tensor, shape: tuple[int, ...]) -> None:
    """Check coded bytes of ``shape`` without keeping the unpacked bytes.

    Raises:
        InputError: its stream has another number of bytes.
    """
    check_stream(*content_of(coded, DENSE, SPARSE), shape)


def differences(series: Bytes, shown: Sequence[int] | None = None) -> Iterator[bytes]:
    """Yield the stream of bytes frames×channels×h×w, a block of values at a time."""
    yield np.diff(series[0], axis=-1, prepend=np.uint8(0)).tobytes()
    by_frame = series.reshape(len(series), -1)
    changing = np.concatenate(
        [
            (by_frame[:, begin : begin + _BLOCK] != by_frame[0, begin : begin + _BLOCK]).any(0)
            for begin in range(0, by_frame.shape[1], _BLOCK)
        ]
    )
    yield np.packbits(changing).tobytes()
    places = np.flatnonzero(changing)
    for begin in range(0, len(places), _BLOCK):
        frames = by_frame[:, places[begin : begin + _BLOCK]]
        block = np.ascontiguousarray((frames if shown is None else frames[shown]).T)
        yield np.diff(block, axis=-1).tobytes()


class Differences(NamedTuple):
    """Differences of a series of n frames, modulo 256.

    Attributes:
        first: of the first frame's values to their left neighbours.
        places: indices of the values that change.
        changes: of each of these to the frame before, places×(n−1).
    """

    first: Bytes
    places: npt.NDArray[np.intp]
    changes: Bytes

    @classmethod
    def read(cls, coding: int, content: bytes, shape: tuple[int, ...]) -> Differences:
        """Unpack the stream of a series of ``shape``.

        Raises:
            InputError: it is damaged, or has another number of bytes.
        """
        stream, count = Stream(content), math.prod(shape[1:])
        first, places = stream.read(count), np.arange(count)
        if coding == SPARSE:
            places = np.flatnonzero(np.unpackbits(stream.read(-(-count // 8)), count=count))
        changes = stream.read(len(places) * (shape[0] - 1))
        stream.end()
        return cls(first, places, changes.reshape(len(places), shape[0] - 1))

    def whole(self) -> Bytes:
        """Return the differences of all values, those that do not change included."""
        count = len(self.first)
        data = np.zeros(count * (1 + self.changes.shape[1]), np.uint8)
        data[:count] = self.first
        data[count:].reshape(count, -1)[self.places] = self.changes
        return data


class Series(NamedTuple):
    """A series of n frames; only values that change are held for each frame.

    Attributes:
        shape: frames×channels×h×w.
        first: values of the first frame, channels×h×w of them.
        places: indices of those that change.
        values: of these in all frames, n×places.
    """

    shape: tuple[int, ...]
    first: Bytes
    places: npt.NDArray[np.intp]
    values: Bytes

    @classmethod
    def unpacked(cls, coding: int, content: bytes, shape: tuple[int, ...]) -> Series:
        """Unpack the stream of a series.

        Raises:
            InputError: as of `Differences.read`.
        """
        differences = Differences.read(coding, content, shape)
        first = np.cumsum(differences.first.reshape(shape[1:]), axis=-1, dtype=np.uint8).ravel()
        values = np.empty((shape[0], len(differences.places)), np.uint8)
        values[0] = first[differences.places]
        for begin in range(0, values.shape[1], _BLOCK):
            part = slice(begin, begin + _BLOCK)
            values[1:, part] = differences.changes[part].T
        for before, frame in itertools.pairwise(values):
            np.add(before, frame, out=frame)
        return cls(shape, first, differences.places, values)

    def whole(self) -> Bytes:
        """Return all values, frames×channels×h×w."""
        frames: Bytes = np.empty((self.shape[0], len(self.first)), np.uint8)
        frames[:] = self.first
        for frame, values in zip(frames, self.values, strict=True):
            frame[self.places] = values
        return frames.reshape(self.shape)


def check_stream(coding: int, content: bytes, shape: tuple[int, ...]) -> None:
    """Raise InputError if a stream does not unpack to a series of ``shape``.

    Few bytes are unpacked at a time, to save memory.
    """
    stream, count = Stream(content), math.prod(shape[1:])
    stream.skip(count)
    if coding == SPARSE:
        bits = stream.read(-(-count // 8))
        count = int(np.unpackbits(bits, count=count).sum(dtype=np.int64))
    stream.skip(count * (shape[0] - 1))
    stream.end()
