"""Coded tensors of a scene file: whole numbers and their differences, packed by LZMA.

A coded tensor is n uint8: the number of its coding (1), perhaps a table of little-endian float32
values, and a raw LZMA2 stream of bytes. The shape declared in the header determines how many bytes
it unpacks to; never more are unpacked.

Series of n frames: the first frame stores channels×h×w differences to the left neighbour; the
others store channels×h×w×(n−1) differences to the frame before. All are modulo 256, so that still
pixels are runs of zeros. Embeddings are a series of indices into a table. The table begins with a
byte, its length L minus one, followed by L ascending values for each channel.

Weights are whole numbers times the scale of their row (the first axis of the shape). The table
begins with a byte, the number of low bits, 0 to 8, that are stored separately; the scales follow.
The stream has all numbers without their low bits, −128 to 127, and then, if any, all low bits.
"""

from __future__ import annotations

import itertools
import lzma
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.errors import InputError

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MAX_LEVELS = 256
_CODING = 1
_DEFLATED = 2
_STRATEGIES = (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY)
_MAX_LOW_BITS = 8
_BLOCK = 4096
"""Pixels whose series are transposed at a time: they fit into a CPU's cache."""
_AT_ONCE = 2**20
"""Bytes that are unpacked at a time."""
_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": 2**20,
        "lc": 0,
        "lp": 0,
        "pb": 0,
    }
]
_QUICK_FILTERS = [{**_FILTERS[0], "preset": 1}]
"""Fifteen times as fast, for about a quarter more bytes; unpacked in the same way."""


def packed_series(series: Bytes) -> Tensor:
    """Code bytes frames×channels×h×w as n uint8."""
    return _packed(b"", _differences(series))


def unpacked_series(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack the bytes of ``shape`` frames×channels×h×w.

    Raises:
        InputError: it is not a coded tensor of this shape.
    """
    return torch.from_numpy(_sums(_unpacked(_content(coded), math.prod(shape)), shape))


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
    return _packed(table, _differences(levels, shown), quick=quick)


def check_embeddings(coded: Tensor, shape: tuple[int, ...]) -> None:
    """Check coded embeddings of ``shape`` without keeping the unpacked bytes.

    Raises:
        InputError: its table is not finite, or its stream has another number of levels.
    """
    content = _content(coded)
    count = content[0] + 1 if content else 0
    _, stream = _table(content[1:], max(1, shape[1] * count))
    _check_stream(stream, math.prod(shape))


def check_series(coded: Tensor, shape: tuple[int, ...]) -> None:
    """Check coded bytes of ``shape`` without keeping the unpacked bytes.

    Raises:
        InputError: its stream has another number of bytes.
    """
    _check_stream(_content(coded), math.prod(shape))


def unpacked_levels(coded: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Unpack embeddings as levels, uint8 of ``shape`` frames×channels×h×w, and their table.

    The table is channels×L float32: the value of each level.

    Raises:
        InputError: it is not a coded tensor of such embeddings.
    """
    content = _content(coded)
    count = content[0] + 1 if content else 0
    values, stream = _table(content[1:], max(1, shape[1] * count))
    levels = _sums(_unpacked(stream, math.prod(shape)), shape)
    if (largest := int(levels.max())) >= count:
        raise InputError(f"it has the level {largest}, though its table has only {count}")
    return torch.from_numpy(levels), torch.from_numpy(values.reshape(-1, count).copy())


def values_of(levels: Tensor, table: Tensor) -> Tensor:
    """Return the values, float32, of frames×channels×h×w levels; ``table`` is channels×L."""
    result = np.empty(levels.shape, np.float32)
    for channel, values in enumerate(table.numpy()):
        for chosen, frame in zip(result[:, channel], levels[:, channel].numpy(), strict=True):
            np.take(values, frame, out=chosen, mode="clip")
    return torch.from_numpy(result)


def unpacked_embeddings(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack embeddings, float32, of ``shape`` frames×channels×h×w.

    Raises:
        InputError: it is not a coded tensor of such embeddings.
    """
    return values_of(*unpacked_levels(coded, shape))


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
    return _packed(table, [data])


def unpacked_weights(coded: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unpack weights, float32, of ``shape``.

    Raises:
        InputError: it is not a coded tensor of such weights.
    """
    content = _content(coded)
    low = content[0] if content else 0
    if low > _MAX_LOW_BITS:
        raise InputError(f"it has {low} low bits, at most {_MAX_LOW_BITS} are known")
    scales, stream = _table(content[1:], shape[0])
    count = math.prod(shape)
    data = _unpacked(stream, 2 * count if low else count)
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
    bytes that the LZMA2 stream holds. A series is mostly zeros, and zlib has no code for long runs:
    of its bytes only those that are not zero are held, after the number of zeros before each.

    Args:
        quick: pack in a fraction of the time, to some more bytes.

    Raises:
        InputError: it is not a coded tensor of this shape.
    """
    content = _content(coded)
    first, count = (content[0] if content else 0), math.prod(shape)
    table = {
        "series": 0,
        "embeddings": 1 + 4 * shape[1] * (first + 1),
        "weights": 1 + 4 * shape[0],
    }[kind]
    data = _unpacked(content[table:], 2 * count if kind == "weights" and first else count)
    rest = data.tobytes() if kind == "weights" else _sparse(data)
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


def _packed(table: bytes, data: Iterable[bytes], *, quick: bool = False) -> Tensor:
    filters = _QUICK_FILTERS if quick else _FILTERS
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
    whole = bytearray(bytes([_CODING]) + table)
    for part in data:
        whole += compressor.compress(part)
    whole += compressor.flush()
    return torch.frombuffer(whole, dtype=torch.uint8)


def _differences(series: Bytes, shown: Sequence[int] | None = None) -> Iterator[bytes]:
    """Yield the differences of bytes frames×channels×h×w, a block of pixels at a time."""
    yield np.diff(series[0], axis=-1, prepend=np.uint8(0)).tobytes()
    by_frame = series.reshape(len(series), -1)
    for begin in range(0, by_frame.shape[1], _BLOCK):
        frames = by_frame[:, begin : begin + _BLOCK]
        block = np.ascontiguousarray((frames if shown is None else frames[shown]).T)
        yield np.diff(block, axis=-1).tobytes()


def _sums(differences: Bytes, shape: tuple[int, ...]) -> Bytes:
    """Sum up the differences of `_differences`: frames×channels×h×w."""
    frames, *rest = shape
    start = math.prod(rest)
    series = np.empty((frames, start), np.uint8)
    first = differences[:start].reshape(rest)
    np.cumsum(first, axis=-1, dtype=np.uint8, out=series[0].reshape(rest))
    by_pixel = differences[start:].reshape(start, frames - 1)
    for begin in range(0, start, _BLOCK):
        pixels = slice(begin, begin + _BLOCK)
        series[1:, pixels] = by_pixel[pixels].T
    for before, frame in itertools.pairwise(series):
        np.add(before, frame, out=frame)
    return series.reshape(shape)


def _content(coded: Tensor) -> bytes:
    """Return the bytes after the number of the coding."""
    content = coded.numpy().tobytes()
    if content[:1] != bytes([_CODING]):
        found = content[0] if content else "none"
        raise InputError(f"its coding is {found}, this program knows coding {_CODING}")
    return content[1:]


def _table(content: bytes, count: int) -> tuple[Floats, bytes]:
    """Return ``count`` values, and the bytes after them."""
    if len(content) < 4 * count:
        raise InputError("it ends too early")
    table = np.frombuffer(content, "<f4", count)
    if not np.isfinite(table).all():
        raise InputError("its table is not finite")
    return table.astype(np.float32), content[4 * count :]


def _check_stream(stream: bytes, count: int) -> None:
    """Raise InputError if a raw LZMA2 stream does not unpack to ``count`` bytes.

    Few bytes are unpacked at a time, to save memory.
    """
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    found, given = 0, stream
    try:
        while not decompressor.eof and found <= count:
            data = decompressor.decompress(given, max_length=_AT_ONCE)
            found, given = found + len(data), b""
            if not data and decompressor.needs_input:
                break
    except lzma.LZMAError as error:
        raise InputError(f"it is damaged ({error})") from error
    if found != count or not decompressor.eof or decompressor.unused_data:
        raise InputError(f"it does not hold the {count} bytes that its shape needs")


def _unpacked(stream: bytes, count: int) -> Bytes:
    """Unpack the ``count`` bytes of a raw LZMA2 stream, and never more than that."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    data, found, given = np.empty(count, np.uint8), 0, stream
    try:
        # All at once, Python would hold the bytes twice.
        while found < count and not decompressor.eof:
            part = decompressor.decompress(given, max_length=min(_AT_ONCE, count - found))
            data[found : found + len(part)] = np.frombuffer(part, np.uint8)
            found, given = found + len(part), b""
            if not part and decompressor.needs_input:
                break
        more = b"" if decompressor.eof else decompressor.decompress(given, max_length=1)
    except lzma.LZMAError as error:
        raise InputError(f"it is damaged ({error})") from error
    if found < count or more or not decompressor.eof or decompressor.unused_data:
        size = f"{found} bytes, fewer" if found < count else "more bytes"
        raise InputError(f"it holds {size} than the {count} that its shape needs")
    return data
