"""Raw LZMA2 streams of coded tensors, packed and unpacked a part at a time."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.errors import InputError

Bytes = npt.NDArray[np.uint8]

_AT_ONCE = 2**20
"""Bytes that are unpacked at a time."""
_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": 2**20,
        "lc": 3,
        "lp": 0,
        "pb": 0,
    }
]
_QUICK_FILTERS = [{**_FILTERS[0], "preset": 1}]
"""Fifteen times as fast, for about a quarter more bytes; unpacked in the same way."""


def packed(coding: int, table: bytes, data: Iterable[bytes], *, quick: bool = False) -> Tensor:
    """Code ``data`` as n uint8: the number of a coding, a table, and the stream.

    Args:
        quick: search less for what repeats; more bytes, sooner.
    """
    filters = _QUICK_FILTERS if quick else _FILTERS
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
    whole = bytearray(bytes([coding]) + table)
    for part in data:
        whole += compressor.compress(part)
    whole += compressor.flush()
    return torch.frombuffer(whole, dtype=torch.uint8)


def content_of(coded: Tensor, *known: int) -> tuple[int, bytes]:
    """Return the number of the coding, one of ``known``, and the bytes after it."""
    content = coded.numpy().tobytes()
    if not content or content[0] not in known:
        found, numbers = content[0] if content else "none", " and ".join(map(str, known))
        raise InputError(f"its coding is {found}, this program knows {numbers}")
    return content[0], content[1:]


def unpacked(content: bytes, count: int) -> Bytes:
    """Unpack the ``count`` bytes of a raw LZMA2 stream, and never more than that."""
    stream = Stream(content)
    data = stream.read(count)
    stream.end()
    return data


class Stream:
    """Bytes of a raw LZMA2 stream, unpacked as they are asked for and never more than that.

    Its methods raise InputError if it is damaged, or has fewer bytes or more.
    """

    def __init__(self, content: bytes) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        self._given, self._found, self._asked = content, 0, 0

    def read(self, count: int) -> Bytes:
        """Return the next ``count`` bytes."""
        data, place = np.empty(count, np.uint8), 0
        for part in self._parts(count):  # all at once, Python would hold the bytes twice
            data[place : place + len(part)] = np.frombuffer(part, np.uint8)
            place += len(part)
        return data

    def skip(self, count: int) -> None:
        """Pass over the next ``count`` bytes."""
        for _ in self._parts(count):
            pass

    def end(self) -> None:
        """Check that no byte follows."""
        decompressor = self._decompressor
        more = b"" if decompressor.eof else self._next(1)
        if more or not decompressor.eof or decompressor.unused_data:
            raise InputError(f"it holds more bytes than the {self._asked} that its shape needs")

    def _parts(self, count: int) -> Iterator[bytes]:
        self._asked += count
        while count:
            part = self._next(min(_AT_ONCE, count))
            if not part:
                raise InputError(
                    f"it holds {self._found} bytes, fewer than the {self._asked} that its shape "
                    "needs"
                )
            count -= len(part)
            yield part

    def _next(self, most: int) -> bytes:
        """Return up to ``most`` bytes; none if the stream has ended or is cut off."""
        part = b""
        try:
            while not part and not self._decompressor.eof:
                part = self._decompressor.decompress(self._given, max_length=most)
                self._given = b""
                if not part and self._decompressor.needs_input:
                    break
        except lzma.LZMAError as error:
            raise InputError(f"it is damaged ({error})") from error
        self._found += len(part)
        return part
