"""Contents of a safetensors file, checked before any tensor is read."""

from __future__ import annotations

import functools
import itertools
import json
import math
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from nerv360.errors import InputError
from nerv360.text import quoted

ITEM_BYTES = {"U8": 1, "F16": 2, "F32": 4}
_TYPES = {"U8": "u1", "F16": "<f2", "F32": "<f4"}
MAX_NESTING = 32
"""Levels of JSON; a scene has eight."""
MAX_HEADER_BYTES = 8 * 2**20
"""A scene's header takes kilobytes; reading one takes up to twenty times its size in memory."""
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as described in the file's header.

    Attributes:
        dtype: one of `ITEM_BYTES`.
        shape: sizes, each 0 or more.
        size: bytes in the file.
        begin: the first of them, from the start of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    size: int
    begin: int


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


def file_state(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written or replaced; None if it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def read_contents(path: Path) -> Contents:
    """Read the header of the safetensors file at ``path``, and nothing else.

    It is kept: every chapter of a scene asks for it, and it may describe thousands of tensors.

    Raises:
        InputError: there is no such file, it is not a safetensors file, its header does not match
            its length, or a tensor has a type that no scene has.
    """
    return _contents(path, file_state(path))


@functools.lru_cache(maxsize=2)
def _contents(path: Path, state: tuple[int, ...] | None) -> Contents:
    try:
        # Checked before opening: opening a pipe would wait for its writer.
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{path} is not a regular file; a scene is a .safetensors file")
        with path.open("rb") as start:
            begin = _LENGTH_BYTES + _header_bytes(path, start.read(_LENGTH_BYTES + 1))
        tensors = {}
        with safe_open(path, framework="np") as file:
            for name in file.offset_keys():  # one follows the other without a gap
                tensors[name] = tensor = _tensor(path, name, file.get_slice(name), begin)
                begin += tensor.size
            return Contents(file.metadata() or {}, tensors)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; name a scene file (.safetensors)") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name a scene file (.safetensors)") from None
    except SafetensorError as error:
        sentence = str(error).removeprefix("Error while deserializing header: ")
        raise InputError(f"{path} is damaged or truncated: {sentence}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be read: {reason}") from error


def read_tensors(path: Path, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Read tensors of the safetensors file at ``path``, without parsing its header again.

    Raises:
        InputError: as of `read_contents`; or the file has become shorter.
    """
    contents = read_contents(path)
    found = {}
    try:
        with path.open("rb") as file:
            for name in names:
                tensor = contents.tensors[name]
                file.seek(tensor.begin)
                count = math.prod(tensor.shape)
                values = np.fromfile(file, _TYPES[tensor.dtype], count)
                if len(values) < count:
                    raise InputError(f"{path} has become shorter: open it again")
                found[name] = values.reshape(tensor.shape)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return found


def _header_bytes(path: Path, start: bytes) -> int:
    """Return the length of the header of a safetensors file that starts like this.

    Raises:
        InputError: no safetensors file does.
    """
    if not start:
        raise InputError(f"{path} is empty; a scene is a .safetensors file")
    if not (len(start) == _LENGTH_BYTES + 1 and start.endswith(b"{")):
        if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] <= b"\x05"):
            raise InputError(
                f"{path} is a pickle or torch checkpoint, not a scene; pickles are never loaded"
            )
        raise InputError(f"{path} is not a safetensors file, and so not a scene")
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise InputError(
            f"{path} is damaged: its header claims {length} bytes, more than the "
            f"{MAX_HEADER_BYTES} of any scene"
        )
    return length


def _tensor(path: Path, name: str, part: Any, begin: int) -> StoredTensor:
    dtype, shape = part.get_dtype(), tuple(part.get_shape())
    if dtype not in ITEM_BYTES:
        raise InputError(
            f"{path} is damaged: the tensor {quoted(name)} has the type {dtype}; a scene holds "
            f"{', '.join(ITEM_BYTES)}"
        )
    return StoredTensor(dtype, shape, math.prod(shape) * ITEM_BYTES[dtype], begin)
