"""Scene files taken apart, changed and put together again, for tests of what is refused."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from nerv360.scene.coding import packed_series

Data = bytes
WEIGHT = "nerv360.weights.head.conv.weight"


class Parts:
    """A scene file taken apart: header, the JSON in its metadata, data."""

    def __init__(self, whole: bytes) -> None:
        length = int.from_bytes(whole[:8], "little")
        self.header: dict[str, Any] = json.loads(whole[8 : 8 + length])
        self.scene: dict[str, Any] = json.loads(self.header["__metadata__"]["nerv360"])
        self.data = bytearray(whole[8 + length :])

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.scene["scene"]["decoders"]["nerv360"]["config"]
        return config

    def bytes(self) -> bytes:
        header = copy.deepcopy(self.header)
        if isinstance(header["__metadata__"].get("nerv360"), str):
            header["__metadata__"]["nerv360"] = json.dumps(self.scene)
        return enclosed(json.dumps(header).encode()) + self.data

    def put(self, name: str, numbers: list[float], kind: str) -> None:
        begin = self.header[name]["data_offsets"][0]
        struct.pack_into(f"<{len(numbers)}{kind}", self.data, begin, *numbers)

    def replace(self, name: str, content: Data) -> None:
        """Other bytes for a tensor of bytes; what stands behind it moves."""
        begin, end = self.header[name]["data_offsets"]
        self.data[begin:end] = content
        moved = len(content) - (end - begin)
        for other, entry in self.header.items():
            if other != "__metadata__" and other != name and entry["data_offsets"][0] >= end:
                entry["data_offsets"] = [offset + moved for offset in entry["data_offsets"]]
        self.header[name] |= {"shape": [len(content)], "dtype": "U8"}
        self.header[name]["data_offsets"] = [begin, begin + len(content)]

    def content(self, name: str) -> Data:
        begin, end = self.header[name]["data_offsets"]
        return Data(self.data[begin:end])


def enclosed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


Mutation = Callable[[Parts], None]


def at(*keys: str, value: object) -> Mutation:
    """Set one field of the JSON header."""

    def mutate(parts: Parts) -> None:
        target = parts.scene
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return mutate


def config(**changes: object) -> Mutation:
    return lambda parts: parts.config.update(changes)


def tensor(name: str, **changes: object) -> Mutation:
    return lambda parts: parts.header[name].update(changes)


def overwrite(name: str, start: bytes) -> Mutation:
    """Other bytes at the start of a tensor."""
    return lambda parts: parts.replace(name, start + parts.content(name)[len(start) :])


def shorten(name: str, count: int) -> Mutation:
    """Fewer bytes of a tensor, by ``count`` at its end."""
    return lambda parts: parts.replace(name, parts.content(name)[:-count])


def bomb(name: str, table: bytes = b"", coding: int = 1) -> Mutation:
    """Put a coded tensor with this table: some kilobytes that would unpack to 64 MiB."""

    def mutate(parts: Parts) -> None:
        _, *stream = packed_series(np.zeros((1, 1, 2**13, 2**13), np.uint8)).tolist()
        parts.replace(name, bytes([coding]) + table + bytes(stream))

    return mutate


def without(*keys: str) -> Mutation:
    def mutate(parts: Parts) -> None:
        target = parts.scene
        for key in keys[:-1]:
            target = target[key]
        del target[keys[-1]]

    return mutate


def lose_a_tensor(parts: Parts) -> None:
    last = max(parts.header, key=lambda n: parts.header[n].get("data_offsets", [0])[0])
    del parts.data[parts.header.pop(last)["data_offsets"][0] :]


def add_a_tensor(parts: Parts) -> None:
    end = len(parts.data)
    parts.header["extra"] = {"dtype": "U8", "shape": [4], "data_offsets": [end, end + 4]}
    parts.data += b"1234"


def overlap(parts: Parts) -> None:
    parts.header[WEIGHT]["data_offsets"] = [
        offset - 2 for offset in parts.header[WEIGHT]["data_offsets"]
    ]


def lie_about_size(parts: Parts) -> None:
    parts.header["nerv360.embeddings"]["shape"] = [2**40]


def drop_the_scene(parts: Parts) -> None:
    del parts.header["__metadata__"]["nerv360"]
