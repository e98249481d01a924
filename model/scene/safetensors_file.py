"""Contents of a safetensors file, checked before any tensor is read."""

from __future__ import annotations

import itertools
import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from nerv360.errors import InputError
from nerv360.text import quoted

ITEM_BYTES = {"U8": 1, "F16": 2, "F32": 4}
MAX_HEADER_BYTES = 64 * 2**20
MAX_TENSORS = 100_000
MAX_DIMENSIONS = 8
MAX_NESTING = 32
"""Levels of JSON; a scene has eight."""
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as described in the file's header.

    Attributes:
        dtype: one of `ITEM_BYTES`.
        shape: sizes, each 0 or more.
        size: bytes in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Contents:
    """A file's metadata and tensors by name."""

    metadata: dict[str, str]
    tensors: dict[str, StoredTensor]


def parse_json(text: bytes | str) -> Any:
    """Parse JSON without NaN, infinities and repeated keys.

    Raises:
        ValueError: it is not such JSON.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key is given twice")
        return result

    try:
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _is_nested(value, MAX_NESTING):
        raise ValueError(f"it is nested too deeply, in more than {MAX_NESTING} levels")
    return value


def _is_nested(value: object, levels: int) -> bool:
    """Return True if ``value`` has maps or lists in more than ``levels`` levels."""
    level = [value]
    for _ in range(levels + 1):
        maps = [each for each in level if isinstance(each, dict)]
        lists = [each for each in level if isinstance(each, list)]
        if not maps and not lists:
            return False
        level = [*itertools.chain(*(each.values() for each in maps), *lists)]
    return True


def read_contents(path: Path) -> Contents:
    """Read the header of the safetensors file at ``path``, and nothing else.

    Raises:
        InputError: there is no such file, it is not a safetensors file, or its header does not
            match its length.
    """
    try:
        # Checked before opening: opening a pipe would wait for its writer.
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{path} is not a regular file; a scene is a .safetensors file")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            header = _read_header(path, file, status.st_size)
            data_bytes = status.st_size - file.tell()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; name a scene file (.safetensors)") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name a scene file (.safetensors)") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read: {reason}") from error
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise InputError(f"{path} is damaged: the metadata of its header is not a map of texts")
    return Contents(metadata, _tensors(path, header, data_bytes))


def _read_header(path: Path, file: BinaryIO, file_bytes: int) -> dict[str, Any]:
    if file_bytes == 0:
        raise InputError(f"{path} is empty; a scene is a .safetensors file")
    start = file.read(_LENGTH_BYTES + 1)
    if not (len(start) == _LENGTH_BYTES + 1 and start.endswith(b"{")):
        if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] <= b"\x05"):
            raise InputError(
                f"{path} is a pickle or torch checkpoint, not a scene; pickles are never loaded"
            )
        raise InputError(f"{path} is not a safetensors file, and so not a scene")
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise InputError(
            f"{path} is damaged: its header claims {length} bytes, "
            f"more than the {MAX_HEADER_BYTES} allowed"
        )
    if length > file_bytes - _LENGTH_BYTES:
        raise InputError(
            f"{path} is truncated: its header claims {length} bytes, "
            f"but the whole file has {file_bytes}"
        )
    text = b"{" + file.read(length - 1)
    try:
        header = parse_json(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: its header is not UTF-8 text") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged: its header is not JSON ({error})") from error
    assert isinstance(header, dict), "what starts with a brace is a map"
    return header


def _tensors(path: Path, header: dict[str, Any], data_bytes: int) -> dict[str, StoredTensor]:
    if len(header) > MAX_TENSORS:
        raise InputError(f"{path} lists {len(header)} tensors, more than {MAX_TENSORS}")
    tensors: dict[str, StoredTensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        tensor, begin = _tensor(path, name, entry)
        tensors[name] = tensor
        spans.append((begin, begin + tensor.size, name))
    spans.sort()
    end = 0
    for begin, following, name in itertools.chain(spans, [(data_bytes, data_bytes, "")]):
        if begin != end:
            if name:
                raise InputError(
                    f"{path} is damaged: the tensor {quoted(name)} starts at byte {begin} of the "
                    f"data, and should start at byte {end}"
                )
            raise InputError(
                f"{path} is {'truncated' if end > data_bytes else 'damaged'}: it holds "
                f"{data_bytes} bytes of tensors, and its header needs {end}"
            )
        end = following
    return tensors


def _tensor(path: Path, name: str, entry: object) -> tuple[StoredTensor, int]:
    """Return the tensor and the offset of its bytes."""

    def bad(what: str) -> InputError:
        return InputError(f"{path} is damaged: the tensor {quoted(name)} {what}")

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise bad("is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise bad(f"has the type {quoted(dtype)}; a scene holds {', '.join(ITEM_BYTES)}")
    if not _whole_numbers(shape) or len(shape) > MAX_DIMENSIONS:
        raise bad(f"has the shape {quoted(shape)}")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise bad(f"has the offsets {quoted(offsets)}")
    size = math.prod(shape) * ITEM_BYTES[dtype]
    begin, end = offsets
    if end - begin != size:
        raise bad(
            f"needs {quoted(size)} bytes for its shape {quoted(shape)} "
            f"but has {quoted(end - begin)}"
        )
    return StoredTensor(dtype, tuple(shape), size), begin


def _whole_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
