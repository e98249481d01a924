"""The JSON header of a scene file: one table of named, range-checked fields per object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from model.config import ModelConfig
from model.errors import InputError
from model.networks import ARCHITECTURES, checked
from model.scene.fingerprint import Fingerprint
from model.scene.safetensors_file import quoted

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

FORMAT_VERSION = 3
"""Raised when a file's weights would decode to other pictures, or its fields mean other things. In
version 1 HNeRV had no activation after its stem, and the conditions' embeddings had no sines;
version 2 had neither finer embeddings nor a still panorama.
"""
_READABLE_VERSIONS = (2, FORMAT_VERSION)
_ADDED_IN_3: Mapping[str, Json] = {
    "level_channels": [], "still_panorama": False, "comparison_cell": 4
}  # fmt: skip
"""Fields of a configuration that a file of version 2 lacks, and their meaning there."""
HEADER_KEY = "nerv360"
"""Of the header among a file's metadata."""
MAX_FRAMES = 100_000
MAX_SOURCE_SIDE = 65_536


@dataclass(frozen=True)
class Material:
    """Source of a clip and the terms of its use.

    Attributes:
        title, licence, credit: as the source states them; up to 2000 characters each.
        source: file name of the clip.
    """

    title: str
    licence: str
    credit: str
    source: str


@dataclass(frozen=True)
class TrainingSummary:
    """Origin and quality of a decoder.

    Attributes:
        epochs, steps: passes over the clip and optimiser steps made.
        psnr_db, ms_ssim: quality on held-out looks; None where it was not measured.
        seconds: time spent training.
        settings: whatever else repeats the training, as plain JSON values.
        moving_db: PSNR of what moves in those looks; None where nothing does.
    """

    epochs: int
    steps: int
    psnr_db: float | None
    ms_ssim: float | None
    seconds: float
    settings: dict[str, Json] = field(default_factory=dict)
    moving_db: float | None = None


@dataclass(frozen=True)
class SceneHeader:
    """Everything of a scene but its tensors.

    Attributes:
        width, height: pixels of the source clip.
        fps: its pictures a second.
        frames: how many pictures of it were learnt.
        configs, trainings: by decoder name; the same names in both, at least one.
        fingerprint: of the pictures that were learnt, where it is known.
    """

    material: Material
    width: int
    height: int
    fps: float
    frames: int
    configs: dict[str, ModelConfig]
    trainings: dict[str, TrainingSummary]
    fingerprint: Fingerprint | None = None

    def only(self, decoder: str) -> SceneHeader:
        """The header of a scene with this decoder alone."""
        return replace(
            self,
            configs={decoder: self.configs[decoder]},
            trainings={decoder: self.trainings[decoder]},
        )


@dataclass(frozen=True)
class _Field:
    """One field: its kind and, for numbers, its range or, for texts, the longest length; an
    ``optional`` one may be null, and missing where it was ``added`` later.
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
            if not (math.isfinite(value) and self.low <= value <= self.high):
                raise InputError(
                    f"{where} must be between {self.low:g} and {self.high:g}, not {quoted(value)}"
                )
        elif isinstance(value, str) and len(value) > self.high:
            raise InputError(
                f"{where} must have at most {self.high:g} characters, not {len(value)}"
            )
        elif isinstance(value, str) and not _is_encodable(value):
            raise InputError(f"{where} must be text, not {quoted(value)}")
        return value


_KINDS = {str: "a text", int: "a whole number", float: "a number", dict: "a map"}
_TEXT = _Field(str, high=2000)
_MAP = _Field(dict)
_COUNT = _Field(int, high=10**12)
_FILE = {"version": _COUNT, "scene": _MAP}
_SCENE = {
    "material": _MAP,
    "width": _Field(int, 1, MAX_SOURCE_SIDE),
    "height": _Field(int, 1, MAX_SOURCE_SIDE),
    "fps": _Field(float, 0.001, 1000),
    "frames": _Field(int, 1, MAX_FRAMES),
    "decoders": _MAP,
    "fingerprint": _Field(dict, optional=True, added=True),
}
_MATERIAL = {"title": _TEXT, "licence": _TEXT, "credit": _TEXT, "source": _TEXT}
_DECODER = {"config": _MAP, "training": _MAP}
_TRAINING = {
    "epochs": _COUNT,
    "steps": _COUNT,
    "psnr_db": _Field(float, -100, 200, optional=True),
    "ms_ssim": _Field(float, -1, 1, optional=True),
    "seconds": _Field(float, 0, 1e12),
    "settings": _MAP,
    "moving_db": _Field(float, -100, 200, optional=True, added=True),
}


def header_to_json(header: SceneHeader) -> str:
    """The text that `header_from_json` reads.

    Raises:
        InputError: a field is out of its range.
    """
    scene = {
        "material": asdict(header.material),
        "width": header.width,
        "height": header.height,
        "fps": header.fps,
        "frames": header.frames,
        "decoders": {
            name: {"config": config.to_dict(), "training": asdict(header.trainings[name])}
            for name, config in header.configs.items()
        },
        "fingerprint": header.fingerprint.to_json() if header.fingerprint else None,
    }
    header_from_json({"version": FORMAT_VERSION, "scene": scene})
    return json.dumps({"version": FORMAT_VERSION, "scene": scene}, allow_nan=False)


def header_from_json(values: object) -> SceneHeader:
    """The header that parsed JSON describes.

    Raises:
        InputError: a field is unknown, missing, of the wrong type or out of its range.
    """
    version = values.get("version") if isinstance(values, dict) else FORMAT_VERSION
    if type(version) is not int or version not in _READABLE_VERSIONS:
        advice = ""
        if type(version) is int:
            older = version < FORMAT_VERSION
            advice = "; train it again" if older else "; a newer version of the program wrote it"
        raise InputError(
            f"its format version is {quoted(version)}, this program reads versions "
            f"{' and '.join(map(str, _READABLE_VERSIONS))}{advice}"
        )
    added = _ADDED_IN_3 if version < FORMAT_VERSION else {}
    scene = _checked(_checked(values, _FILE, "its header")["scene"], _SCENE, "its scene")
    configs: dict[str, ModelConfig] = {}
    trainings: dict[str, TrainingSummary] = {}
    for name, entry in scene["decoders"].items():
        if name not in ARCHITECTURES:
            raise InputError(
                f"it has the unknown decoder {quoted(name)}, known are {', '.join(ARCHITECTURES)}"
            )
        decoder = _checked(entry, _DECODER, f"its decoder {name}")
        configs[name] = _config(name, {**added, **decoder["config"]})
        trainings[name] = _training(decoder["training"], f"the training of its decoder {name}")
    if not configs:
        raise InputError("it holds no decoder")
    fingerprint = None
    if scene["fingerprint"] is not None:
        fingerprint = Fingerprint.from_json(scene["fingerprint"], scene["frames"])
    return SceneHeader(
        material=Material(**_checked(scene["material"], _MATERIAL, "its material")),
        width=scene["width"],
        height=scene["height"],
        fps=scene["fps"],
        frames=scene["frames"],
        configs=configs,
        trainings=trainings,
        fingerprint=fingerprint,
    )


def _checked(values: object, table: Mapping[str, _Field], where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise InputError(f"{where} must be a map, not {quoted(values)}")
    if missing := [name for name, rule in table.items() if name not in values and not rule.added]:
        raise InputError(f"{where} lacks the field {missing[0]!r}")
    if unknown := [name for name in values if name not in table]:
        raise InputError(f"{where} has the unknown field {quoted(unknown[0])}")
    return {name: rule.check(values.get(name), f"{where}: {name}") for name, rule in table.items()}


def _config(name: str, values: dict[str, Any]) -> ModelConfig:
    try:
        config = checked(ModelConfig.from_dict(values))
    except (InputError, OverflowError) as error:
        raise InputError(f"in its decoder {name} {error}") from error
    if config.architecture != name:
        raise InputError(f"its decoder {name} is configured as {config.architecture}")
    return config


def _training(values: object, where: str) -> TrainingSummary:
    summary = TrainingSummary(**_checked(values, _TRAINING, where))
    try:
        json.dumps(summary.settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: settings must be finite JSON values ({error})") from error
    return summary


def _is_encodable(text: str) -> bool:
    """JSON can smuggle in lone surrogates, which nothing can print."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
