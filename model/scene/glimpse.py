"""First look at a scene file, without torch: its still panorama and header."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.scene.chapters import WHOLE, check_chapter, prefix_of
from nerv360.scene.fields import ATTRIBUTION, DECODER, HEADER_KEY, checked_fields, scene_fields
from nerv360.scene.packed_still import STILL, check_packed, still_size, unpack
from nerv360.scene.safetensors_file import parse_json, read_contents, read_tensors


@dataclass(frozen=True)
class Glimpse:
    """A scene as known before torch is loaded.

    Attributes:
        title: as its attribution states it.
        width, height, fps, frames: as in `SceneHeader`, of the whole clip.
        covering: by decoder name, whether its pictures have an alpha over the still panorama.
        still: the still panorama of one chapter, height×width×3.
        chapters: as in `SceneHeader`.
    """

    title: str
    width: int
    height: int
    fps: float
    frames: int
    covering: dict[str, bool]
    still: npt.NDArray[np.uint8]
    chapters: tuple[int, ...] = WHOLE


def read_glimpse(path: str | os.PathLike[str], chapter: int = 0) -> Glimpse | None:
    """Read the first look of a chapter of the scene file at ``path``.

    None without a still panorama.

    The file's size, the header's fields and the still panorama are checked as in `read_scene`.
    Checks that need the networks, like those of other tensors, are left out: `read_scene` may still
    reject the file.

    Raises:
        InputError: it is not a scene file, it is damaged, or it has no such chapter.
    """
    path = Path(path)
    contents = read_contents(path)
    try:
        scene, added = scene_fields(parse_json(contents.metadata.get(HEADER_KEY, "{}")))
        attribution = checked_fields(scene["material"], ATTRIBUTION, "its material")
        configs = {}
        for name, entry in scene["decoders"].items():
            decoder = checked_fields(entry, DECODER, f"its decoder {name}")
            configs[name] = ModelConfig.from_dict({**added, **decoder["config"]})
        size = still_size(configs.values())
        if size is None:
            return None
        check_chapter(chapter, scene["chapters"])
        name = prefix_of(chapter, scene["chapters"]) + STILL
        stored = contents.tensors.get(name)
        if stored is None or stored.dtype != "U8":
            raise InputError(f"the tensor {name!r} is missing, or is not made of bytes")
        check_packed(stored.shape)
        still = unpack(read_tensors(path, [name])[name], size)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path} cannot be read as a scene: {error}") from error
    covering = {name: config.still_panorama for name, config in configs.items()}
    return Glimpse(
        attribution["title"], scene["width"], scene["height"], scene["fps"], scene["frames"],
        covering, still, scene["chapters"],
    )  # fmt: skip
