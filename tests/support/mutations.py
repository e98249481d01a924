"""Damage to files as chance and malice do it: flipped bits, other numbers, cut and moved parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 7, 255, 65536, 2**31, 2**53, 2**63, 10**30, 10**400, -(10**400), 1e308, 5e-324,
    0.0, 1.5, True, None, "", "\x1b[2J", "é" * 3000, [], {}, [[]], [0], [1] * 9, [2, 2, 2],
    [10**9] * 3, {"a": 1}, "nerv360", "hnerv",
)  # fmt: skip
"""Values that no field expects, or that lie at the end of a range."""


def damaged(content: bytes, chance: Random) -> bytes:
    """Return the bytes of a file with some damage."""
    data = bytearray(content)
    kind = chance.choice(("bits", "bits", "start", "end", "cut", "insert", "fill", "move"))
    at = chance.randrange(len(data))
    if kind == "bits":
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind in ("start", "end"):  # where containers have their headers
        span = min(1500, len(data))
        for _ in range(chance.choice((1, 2, 8))):
            place = chance.randrange(span)
            data[place if kind == "start" else -1 - place] = chance.choice((0, 127, 128, 255))
    elif kind == "cut":
        del data[at:]
    elif kind == "insert":
        data[at:at] = chance.randbytes(chance.choice((1, 8, 64)))
    elif kind == "fill":
        length = len(data[at : at + chance.choice((4, 8, 64))])
        data[at : at + length] = chance.choice((b"\0", b"\xff")) * length
    else:
        begin, end = sorted((at, chance.randrange(len(data))))
        data = data[:begin] + data[end:] + data[begin:end]
    return bytes(data)


def with_odd_fields(scene: bytes, chance: Random) -> bytes:
    """Return a scene file with odd values in its headers, or without some of their fields."""
    length = int.from_bytes(scene[:8], "little")
    header = json.loads(scene[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["nerv360"])
    target = inner if chance.random() < 0.7 else header
    places = [place for place in _places(target, ()) if place]
    for _ in range(chance.choice((1, 1, 2, 3))):
        _change(target, chance.choice(places), chance)
    metadata = header.get("__metadata__")
    if target is inner and isinstance(metadata, dict):
        metadata["nerv360"] = json.dumps(inner)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + scene[8 + length :]


def _places(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*place, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _places(value[index], (*place, index))


def _change(value: Any, place: tuple[Any, ...], chance: Random) -> None:
    *inside, last = place
    try:
        for key in inside:
            value = value[key]
        if isinstance(value, dict) and chance.random() < 0.1:
            del value[last]
        else:
            value[last] = chance.choice(ODD)
    except (KeyError, IndexError, TypeError):
        return  # an earlier change has taken the place away
