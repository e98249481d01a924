"""Coded tensors of a scene file: whole numbers and their differences, packed by LZMA.

A coded tensor is n uint8: the number of its coding, perhaps a table of little-endian float32
values, and a raw LZMA2 stream of bytes. The shape declared in the header determines how many bytes
it unpacks to; never more are unpacked.

Series of n frames (coding 3): the first frame stores channels×h×w differences to the left
neighbour. Then a bit for each of its values says whether the value changes in any frame, from the
highest bit of a byte on. Those that change store n−1 differences to the frame before, all of a
value after each other. All are modulo 256. Earlier files (coding 1) have no bits: every value
stores n−1 differences. Embeddings are a series of indices into a table. The table begins with a
byte, its length L minus one, followed by L ascending values for each channel.

Weights (coding 1) are whole numbers times the scale of their row (the first axis of the shape).
The table begins with a byte, the number of low bits, 0 to 8, that are stored separately; the scales
follow. The stream has all numbers without their low bits, −128 to 127, and then, if any, all low
bits.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene.coding.lzma_stream import Bytes, content_of, packed, unpacked
from nerv360.scene.coding.series import (
    DENSE,
    SPARSE,
    Differences,
    Series,
    check_stream,
    differences,
)

Floats = npt.NDArray[np.float32]

MAX_LEVELS = 256
_WEIGHTS = 1
_DEFLATED = 2
_STRATEGIES = (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY)
_MAX_LOW_BITS = 8


def packed_embeddings(
    levels: Bytes, values: Floats, shown: Sequence[int] | None = None, *, quick: bool = False
) -> Tensor:
    """Code embeddings as n uint8.

    Args:
        levels: frames×channels×h×w.
        values: channels×L, 1 ≤ L ≤ `MAX_LEVELS`: the value of each level.
        quick: search less for what repeats; more bytes, sooner.
    """
    table = bytes([values.shape[1] - 1]) + values.astype("<f4").tobytes()
    return packed(SPARSE, table, differences(levels, shown), quick=quick)


def check_embeddings(coded: Tensor, shape: tuple[int, ...]) -> None:
    """Check coded embeddings of ``shape`` without keeping the unpacked bytes.

    Raises:
        InputError: its table is not finite, or its stream has another number of levels.
    """
    coding, content = content_of(coded, DENSE, SPARSE)
    count = content[0] + 1 if content else 0
    _, stream = _table(content[1:], max(1, shape[1] * count))
    check_stream(coding, stream, shape)


class Levels:
    """Coded embeddings in memory: only levels that change are held for each frame.

    Attributes:
        shape: frames×channels×h×w.
    """

    def __init__(self, series: Series, table: Floats) -> None:
        """Hold a series of indices into ``table``, channels×L: the value of each level."""
        self.shape = series.shape
        pixels, count = math.prod(series.shape[2:]), table.shape[1]
        first = series.first.reshape(len(table), pixels)
        self._first = np.concatenate([row[each] for row, each in zip(table, first, strict=True)])
        self._places, self._levels = series.places, series.values
        self._tables = (series.places // pixels * count).astype(np.int32)
        self._values = table.ravel()

    def __getitem__(self, frames: slice) -> Tensor:
        """Return the values, float32, of ``frames``."""
        chosen = self._levels[frames]
        result = np.empty((len(chosen), len(self._first)), np.float32)
        for frame, levels in zip(result, chosen, strict=True):
            frame[:] = self._first
            frame[self._places] = self._values[self._tables + levels]
        return torch.from_numpy(result.reshape(-1, *self.shape[1:]))

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        held = (self._first, self._places, self._levels, self._tables, self._values)
        return sum(each.nbytes for each in held)


def unpacked_levels(coded: Tensor, shape: tuple[int, ...]) -> Levels:
    """Unpack embeddings of ``shape`` frames×channels×h×w as levels.

    Raises:
        InputError: it is not a coded tensor of such embeddings.
    """
    coding, content = content_of(coded, DENSE, SPARSE)
    count = content[0] + 1 if content else 0
    values, stream = _table(content[1:], max(1, shape[1] * count))
    series = Series.unpacked(coding, stream, shape)
    largest = max(int(each.max(initial=0)) for each in (series.first, series.values))
    if largest >= count:
        raise InputError(f"it has the level {largest}, though its table has only {count}")
    return Levels(series, values.reshape(-1, count).copy())


def unpacked_embeddings(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack embeddings, float32, of ``shape`` frames×channels×h×w.

    Raises:
        InputError: it is not a coded tensor of such embeddings.
    """
    return unpacked_levels(coded, shape)[:]


def packed_weights(numbers: npt.NDArray[np.int16], scales: Floats) -> Tensor:
    """Code weights as n uint8.

    Args:
        numbers: −2048 to 2047, of any shape; the first axis are the rows.
        scales: one per row.
    """
    low = max(0, int(np.abs(numbers).max()).bit_length() - 7)
    table = bytes([low]) + scales.astype("<f4").tobytes()
    data = (numbers >> low).astype(np.int8).tobytes()
    if low:
        data += (numbers & ((1 << low) - 1)).astype(np.uint8).tobytes()
    return packed(_WEIGHTS, table, [data])


def unpacked_weights(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack weights, float32, of ``shape``.

    Raises:
        InputError: it is not a coded tensor of such weights.
    """
    _, content = content_of(coded, _WEIGHTS)
    low = content[0] if content else 0
    if low > _MAX_LOW_BITS:
        raise InputError(f"it has {low} low bits, at most {_MAX_LOW_BITS} are known")
    scales, stream = _table(content[1:], shape[0])
    count = math.prod(shape)
    data = unpacked(stream, 2 * count if low else count)
    numbers = data[:count].view(np.int8).astype(np.float32)
    if low:
        numbers = numbers * (1 << low) + data[count:]
    with np.errstate(over="ignore"):  # readers reject values that are not finite
        rows = numbers.reshape(shape[0], -1) * scales[:, None]
    return torch.from_numpy(rows.reshape(shape))


def deflated(
    coded: Tensor,
    shape: tuple[int, ...],
    kind: Literal["series", "embeddings", "weights"],
    *,
    quick: bool = False,
) -> Tensor:
    """Pack a coded tensor of ``shape`` by zlib, which browsers can unpack themselves.

    The result is n uint8: the number of this coding (2), and a zlib stream of the table and of the
    numbers; a series has the differences of every value. They are mostly zeros, and zlib has no
    code for long runs: only those that are not zero are held, after the number of zeros before
    each.

    Args:
        quick: pack in a fraction of the time, to some more bytes.

    Raises:
        InputError: it is not a coded tensor of this shape.
    """
    codings = (_WEIGHTS,) if kind == "weights" else (DENSE, SPARSE)
    coding, content = content_of(coded, *codings)
    first, count = (content[0] if content else 0), math.prod(shape)
    table = {
        "series": 0,
        "embeddings": 1 + 4 * shape[1] * (first + 1),
        "weights": 1 + 4 * shape[0],
    }[kind]
    if kind == "weights":
        rest = unpacked(content[table:], 2 * count if first else count).tobytes()
    else:
        rest = _sparse(Differences.read(coding, content[table:], shape).whole())
    strategies = (zlib.Z_HUFFMAN_ONLY,) if quick else _STRATEGIES
    packed = min((_zlib(content[:table] + rest, each) for each in strategies), key=len)
    return torch.frombuffer(bytearray([_DEFLATED]) + packed, dtype=torch.uint8)


def _zlib(data: bytes, strategy: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    return compressor.compress(data) + compressor.flush()


def _sparse(data: Bytes) -> bytes:
    """Return the number of gaps, uint32, all gaps around bytes that are not zero, and these bytes.

    A gap is the number of zeros, a byte; 255 means that many zeros, and that the gap goes on.
    """
    places = np.flatnonzero(data)
    zeros = np.diff(places, prepend=-1, append=len(data)) - 1
    gaps = np.full(int((zeros // 255 + 1).sum()), 255, np.uint8)
    gaps[np.cumsum(zeros // 255 + 1) - 1] = zeros % 255
    return np.uint32(len(gaps)).tobytes() + gaps.tobytes() + data[places].tobytes()


def _table(content: bytes, count: int) -> tuple[Floats, bytes]:
    """Return ``count`` values, and the bytes after them."""
    if len(content) < 4 * count:
        raise InputError("it ends too early")
    table = np.frombuffer(content, "<f4", count)
    if not np.isfinite(table).all():
        raise InputError("its table is not finite")
    return table.astype(np.float32), content[4 * count :]
