"""Fields of a scene file's JSON header: one table of names and ranges per object.

Importing it does not load torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nerv360.errors import InputError
from nerv360.scene.chapters import WHOLE, check_chapters
from nerv360.text import quoted

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

FORMAT_VERSION = 3
"""Version of the format; a new one if old files would decode to other pictures.

In version 1 HNeRV had no activation after its stem, and condition embeddings had no sines. Version
2 had no finer embeddings and no still panorama.
"""
SOUND_VERSION = 4
"""Version of files with sound; older programs refuse them, and read those without."""
CHAPTERS_VERSION = 5
"""Version of files with several chapters; older programs refuse them."""
_READABLE_VERSIONS = (2, FORMAT_VERSION, SOUND_VERSION, CHAPTERS_VERSION)
ADDED_IN_3: Mapping[str, Json] = {
    "level_channels": [], "still_panorama": False, "comparison_cell": 4
}  # fmt: skip
"""Configuration fields missing in files of version 2, and their values there."""
HEADER_KEY = "nerv360"
"""Name of the header in a file's metadata."""
MAX_FRAMES = 100_000
MAX_SOURCE_SIDE = 65_536


@dataclass(frozen=True)
class _Field:
    """One field: its type, and its range if a number, or longest length if a text.

    Attributes:
        optional: it may be null.
        added: it may be missing, because older files lack it.
    """

    kind: type
    low: float = 0
    high: float = math.inf
    optional: bool = False
    added: bool = False

    def check(self, value: object, where: str) -> Any:
        if value is None and self.optional:
            return None
        if self.kind is float and type(value) is int:
            value = float(value) if abs(value) < 2**53 else math.inf
        if type(value) is not self.kind:
            raise InputError(f"{where} must be {_KINDS[self.kind]}, not {quoted(value)}")
        if isinstance(value, int | float):
            if not self.low <= value <= self.high or value == math.inf:
                raise InputError(
                    f"{where} must be between {self.low:g} and {self.high:g}, not {quoted(value)}"
                )
        elif isinstance(value, str) and len(value) > self.high:
            raise InputError(
                f"{where} must have at most {self.high:g} characters, not {len(value)}"
            )
        elif isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value):
            # JSON may contain lone surrogates, but no output can print them.
            raise InputError(f"{where} must be text, not {quoted(value)}")
        return value


_KINDS = {
    str: "a text", int: "a whole number", float: "a number", dict: "a map", list: "a list"
}  # fmt: skip
_TEXT = _Field(str, high=2000)
_MAP = _Field(dict)
_COUNT = _Field(int, high=10**12)
FILE = {"version": _COUNT, "scene": _MAP}
SCENE = {
    "material": _MAP,
    "width": _Field(int, 1, MAX_SOURCE_SIDE),
    "height": _Field(int, 1, MAX_SOURCE_SIDE),
    "fps": _Field(float, 0.001, 1000),
    "frames": _Field(int, 1, MAX_FRAMES),
    "decoders": _MAP,
    "fingerprint": _Field(dict, optional=True, added=True),
    "sound": _Field(dict, optional=True, added=True),
    "chapters": _Field(list, optional=True, added=True),
}
ATTRIBUTION = {"title": _TEXT, "licence": _TEXT, "credit": _TEXT, "source": _TEXT}
SOUND = {"channels": _Field(int, 1, 4)}
DECODER = {"config": _MAP, "training": _MAP}
TRAINING = {
    "epochs": _COUNT,
    "steps": _COUNT,
    "psnr_db": _Field(float, -100, 200, optional=True),
    "ms_ssim": _Field(float, -1, 1, optional=True),
    "seconds": _Field(float, 0, 1e12),
    "settings": _MAP,
    "moving_db": _Field(float, -100, 200, optional=True, added=True),
    "still_share": _Field(float, 0, 1, optional=True, added=True),
    "late_gain_db": _Field(float, 0, 200, optional=True, added=True),
}


def scene_fields(values: object) -> tuple[dict[str, Any], Mapping[str, Json]]:
    """Return the scene's fields from parsed JSON, and configuration fields its version lacks.

    Its chapters are a tuple, `WHOLE` if it has one.

    Raises:
        InputError: the version cannot be read, or a field of the scene is unknown, missing, of the
            wrong type or out of range.
    """
    version = values.get("version") if isinstance(values, dict) else FORMAT_VERSION
    if type(version) is not int or version not in _READABLE_VERSIONS:
        advice = ""
        if type(version) is int:
            older = version < FORMAT_VERSION
            advice = "; train it again" if older else "; a newer version of the program wrote it"
        raise InputError(
            f"its format version is {quoted(version)}, this program reads versions "
            f"{_READABLE_VERSIONS[0]} to {_READABLE_VERSIONS[-1]}{advice}"
        )
    whole = checked_fields(values, FILE, "its header")
    scene = checked_fields(whole["scene"], SCENE, "its scene")
    chapters = scene["chapters"]
    scene["chapters"] = WHOLE if chapters is None else check_chapters(chapters, scene["frames"])
    return scene, ADDED_IN_3 if version < FORMAT_VERSION else {}


def checked_fields(values: object, table: Mapping[str, _Field], where: str) -> dict[str, Any]:
    """Return ``values`` checked by ``table``.

    Raises:
        InputError: a field is unknown, missing, of the wrong type or out of range.

    Args:
        where: name of the object, for the message.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} must be a map, not {quoted(values)}")
    if missing := [name for name, rule in table.items() if name not in values and not rule.added]:
        raise InputError(f"{where} lacks the field {missing[0]!r}")
    if unknown := [name for name in values if name not in table]:
        raise InputError(f"{where} has the unknown field {quoted(unknown[0])}")
    return {name: rule.check(values.get(name), f"{where}: {name}") for name, rule in table.items()}
