"""Reads scene files: only the header, one chapter, or one decoder."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from nerv360.errors import InputError
from nerv360.memory import check_memory
from nerv360.scene.chapters import prefix_of, without_prefix
from nerv360.scene.fields import HEADER_KEY
from nerv360.scene.header import SceneHeader, header_from_json, header_to_json
from nerv360.scene.packed_still import STILL
from nerv360.scene.safetensors_file import file_state, parse_json, read_contents, read_tensors
from nerv360.scene.scene import Scene
from nerv360.scene.tensors import (
    MOTION,
    SOUND,
    check_stored,
    from_stored,
    sound_of,
    unpacked_bytes,
)
from nerv360.text import quoted

_NOT_CODED = (STILL, SOUND)


@dataclass(frozen=True)
class StoredScene:
    """A scene file without its tensors.

    Attributes:
        file_bytes: length of the file.
        weight_bytes, embedding_bytes: by decoder, bytes of its tensors in the file.
        still_bytes: of the still panorama and its motion maps.
        sound_bytes: of the sound.
    """

    header: SceneHeader
    file_bytes: int
    weight_bytes: dict[str, int]
    embedding_bytes: dict[str, int]
    still_bytes: int
    sound_bytes: int = 0


def read_header(path: str | os.PathLike[str]) -> StoredScene:
    """Read header and sizes of the scene file at ``path`` without loading tensors.

    The header is checked as in `read_scene`.

    Raises:
        InputError: it is not a scene file or it is damaged.
    """
    path = Path(path)
    return _stored(path, file_state(path))


@functools.lru_cache(maxsize=2)
def _stored(path: Path, state: tuple[int, ...] | None) -> StoredScene:
    contents = read_contents(path)
    if HEADER_KEY not in contents.metadata:
        raise InputError(f"{path} is a safetensors file but not a scene: it has no scene header")
    try:
        header = header_from_json(parse_json(contents.metadata[HEADER_KEY]))
        check_stored(header, contents)
    except ValueError as error:
        sentence = str(error) if isinstance(error, InputError) else f"its header is bad ({error})"
        raise InputError(f"{path} cannot be read as a scene: {sentence}") from error

    def stored(test: Callable[[str, str], bool]) -> dict[str, int]:
        return {
            decoder: sum(size for name, size in sizes if test(name, decoder))
            for decoder in header.configs
        }

    sizes = [(without_prefix(name), tensor.size) for name, tensor in contents.tensors.items()]

    return StoredScene(
        header=header,
        file_bytes=path.stat().st_size,
        weight_bytes=stored(lambda name, decoder: name.startswith(f"{decoder}.weights.")),
        embedding_bytes=stored(lambda name, decoder: name.startswith(f"{decoder}.embeddings")),
        still_bytes=sum(size for name, size in sizes if name in (STILL, MOTION)),
        sound_bytes=sum(size for name, size in sizes if name == SOUND),
    )


def read_scene(
    path: str | os.PathLike[str],
    only: str | None = None,
    *,
    chapter: int | None = None,
    as_levels: bool = False,
    still_pixels: Callable[[], Tensor] | None = None,
) -> Scene:
    """Read the scene in the file at ``path``; its tensors are float32 on the CPU.

    Of several chapters only one is read, as a scene of its own: its frames are counted from 0, and
    it has neither the clip's sound (`read_sound`) nor its fingerprint.

    Args:
        only: name of the only decoder to load.
        chapter: its number; may be None if there is only one.
        as_levels: embeddings stay levels if they are coded, in a fraction of the memory, for
            engines; see `Decoder.levels`.
        still_pixels: returns the still panorama, height×width×3 uint8, that another thread has
            unpacked or is unpacking.

    Raises:
        InputError: it is not a scene file, it is damaged, a value in it is not finite, it has no
            such decoder or chapter, or it does not fit into memory.
    """
    header, tensors = _read_chapter(path, only, chapter)
    check_memory(unpacked_bytes(header), f"{path}, unpacked,")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not is_finite(tensor):
            raise InputError(f"{path} is damaged: its tensor {quoted(name)} is not finite")
    try:
        scene = from_stored(header, tensors, as_levels=as_levels, still_pixels=still_pixels)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    for name, decoder in scene.decoders.items():
        parts = {
            # Tables of levels are checked as they are read.
            "embeddings": (decoder.embeddings, *decoder.finer),
            "weights": decoder.weights.values(),
        }
        for part, values in parts.items():
            if not all(is_finite(each) for each in values):
                raise InputError(f"{path} is damaged: the {part} of {name} are not finite")
    return scene


def read_sound(path: str | os.PathLike[str]) -> bytes | None:
    """Read the sound in the scene file at ``path``, Opus in Ogg; None without sound.

    Raises:
        InputError: it is not a scene file, or it is damaged.
    """
    header = read_header(path).header
    if header.sound_channels is None:
        return None
    try:
        return sound_of(header, _read_tensors(path, SOUND.__eq__))
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def is_finite(tensor: Tensor) -> bool:
    """Return True if all values are finite; NaN propagates into both extremes."""
    return tensor.numel() == 0 or bool(torch.stack(tensor.aminmax()).isfinite().all())


def read_coded(path: str | os.PathLike[str], *, chapter: int | None = None) -> dict[str, Tensor]:
    """Read the coded tensors, n uint8, of a scene file or one of its chapters, by name.

    Both are described in `nerv360.scene.tensors`; ``chapter`` in `read_scene`.

    Raises:
        InputError: it is not a scene file, or has no such chapter.
    """
    _, tensors = _read_chapter(path, None, chapter)
    coded = (each for each in tensors.items() if each[1].dim() == 1 and each[0] not in _NOT_CODED)
    return {name: tensor for name, tensor in coded if tensor.dtype == torch.uint8}


def bytes_alone(path: str | os.PathLike[str], decoder: str) -> int:
    """Return the size of the scene file at ``path`` if it held only this decoder, and no sound.

    Raises:
        InputError: it is not a scene file, or it has no such decoder.
    """
    header, tensors = read_stored(path, decoder)
    tensors.pop(SOUND, None)
    header = replace(header, sound_channels=None)
    return len(save(tensors, {HEADER_KEY: header_to_json(header)}))


def read_stored(
    path: str | os.PathLike[str], only: str | None
) -> tuple[SceneHeader, dict[str, Tensor]]:
    """Read header and tensors as stored, of one decoder or of all, in all chapters.

    Raises:
        InputError: it is not a scene file, or it has no such decoder.
    """
    return _read(path, read_header(path).header, only, "")


def _read_chapter(
    path: str | os.PathLike[str], only: str | None, chapter: int | None
) -> tuple[SceneHeader, dict[str, Tensor]]:
    """Read one chapter as a scene of its own: its header and tensors."""
    header = read_header(path).header
    if chapter is None and len(header.chapters) > 1:
        raise InputError(f"{path} has {len(header.chapters)} chapters: name one of them")
    try:
        part = header.of_chapter(chapter or 0)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return _read(path, part, only, prefix_of(chapter or 0, header.chapters))


def _read(
    path: str | os.PathLike[str], header: SceneHeader, only: str | None, prefix: str
) -> tuple[SceneHeader, dict[str, Tensor]]:
    """Read tensors that begin with ``prefix``, named without it, and return their header."""
    others: tuple[str, ...] = ()
    if only is not None:
        if only not in header.configs:
            raise InputError(f"{path} has no decoder {only}, only {', '.join(header.configs)}")
        others = tuple(f"{name}." for name in header.configs if name != only)
        header = header.only(only)
        if not header.configs[only].still_panorama:
            others = (*others, STILL, MOTION)

    def wanted(name: str) -> bool:
        return name.startswith(prefix) and not without_prefix(name).startswith(others)

    tensors = _read_tensors(path, wanted)
    return header, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _read_tensors(path: str | os.PathLike[str], wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    path = Path(path)
    names = [name for name in read_contents(path).tensors if wanted(name)]
    arrays = read_tensors(path, names)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
