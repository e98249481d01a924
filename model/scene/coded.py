"""Scenes as stored in their files: a header, and tensors that may be coded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.networks import motion_size
from nerv360.scene.chapters import prefix_of, without_prefix
from nerv360.scene.coding import check_embeddings, check_series, unpacked_weights
from nerv360.scene.fields import HEADER_KEY
from nerv360.scene.fingerprint import Fingerprint
from nerv360.scene.header import SceneHeader, header_to_json, joined_summary
from nerv360.scene.packed_still import STILL, still_size, unpack
from nerv360.scene.reading import is_finite, read_header, read_stored
from nerv360.scene.scene import Scene
from nerv360.scene.still import StillPanorama
from nerv360.scene.tensors import (
    MOTION,
    SOUND,
    embedding_shapes,
    embeddings_name,
    stored_sound,
    stored_still,
    stored_weights,
    to_stored,
    weight_shapes,
)
from nerv360.sound import check_opus


@dataclass(frozen=True)
class CodedScene:
    """A scene whose embeddings stay coded.

    Attributes:
        tensors: by name in the file; see `nerv360.scene.tensors`.
    """

    header: SceneHeader
    tensors: dict[str, Tensor]


def coded_scene(scene: Scene, *, embedding_bits: int = 8, weight_bits: int = 16) -> CodedScene:
    """Code ``scene`` as in `write_scene`.

    Raises:
        ValueError: there is no such number of bits.
    """
    return CodedScene(scene.header, to_stored(scene, embedding_bits, weight_bits))


def assembled(
    header: SceneHeader,
    weights: dict[str, Tensor],
    embeddings: Sequence[Tensor],
    still: StillPanorama | None,
) -> CodedScene:
    """Assemble a scene of one decoder from coded embeddings.

    Args:
        header: header with one decoder.
        weights: the decoder's, float32.
        embeddings: coded tensors, n uint8, the coarsest first.
        still: the still panorama, if the decoder's pictures have an alpha over it.
    """
    (name,) = header.configs
    coded = {embeddings_name(name, level): each for level, each in enumerate(embeddings)}
    return CodedScene(header, stored_weights(name, weights) | coded | stored_still(still))


def read_coded_scene(path: str | os.PathLike[str]) -> CodedScene:
    """Read the scene file at ``path`` without unpacking tensors.

    Raises:
        InputError: it is not a scene file.
    """
    return CodedScene(*read_stored(path, None))


def merged(existing: CodedScene, addition: CodedScene) -> CodedScene:
    """Add the decoders of ``addition``, of the same clip, to ``existing``, or replace its own.

    Raises:
        InputError: they have other chapters.
    """
    if existing.header.chapters != addition.header.chapters:
        counts = [len(scene.header.chapters) for scene in (existing, addition)]
        raise InputError(f"its {counts[0]} chapters are not the {counts[1]} of the decoder")
    replaced = tuple(f"{name}." for name in addition.header.configs)
    kept = {
        name: tensor
        for name, tensor in existing.tensors.items()
        if not without_prefix(name).startswith(replaced)
    }
    header = replace(
        existing.header,
        configs={**existing.header.configs, **addition.header.configs},
        trainings={**existing.header.trainings, **addition.header.trainings},
        fingerprint=existing.header.fingerprint or addition.header.fingerprint,
        sound_channels=existing.header.sound_channels or addition.header.sound_channels,
    )
    tensors = {**addition.tensors, **kept}
    if still_size(header.configs.values()) is None:
        stills = (STILL, MOTION)
        tensors = {name: t for name, t in tensors.items() if without_prefix(name) not in stills}
    return CodedScene(header, tensors)


def joined(chapters: Sequence[CodedScene], fingerprint: Fingerprint | None) -> CodedScene:
    """Join the parts of a clip, each learned as a scene of its own, to one scene.

    Args:
        chapters: in order, without sound, all of the same configurations.
        fingerprint: of the whole clip.

    Raises:
        InputError: their configurations differ.
    """
    headers = [chapter.header for chapter in chapters]
    if any(header.configs != headers[0].configs for header in headers):
        raise InputError("its chapters have different configurations")
    lengths = [header.frames for header in headers]
    firsts = tuple(itertools.accumulate(lengths[:-1], initial=0))
    trainings = {
        name: joined_summary([header.trainings[name] for header in headers], lengths)
        for name in headers[0].configs
    }
    header = replace(
        headers[0], frames=sum(lengths), trainings=trainings, fingerprint=fingerprint,
        chapters=firsts,
    )  # fmt: skip
    tensors = {
        prefix_of(number, firsts) + name: tensor
        for number, chapter in enumerate(chapters)
        for name, tensor in chapter.tensors.items()
    }
    return CodedScene(header, tensors)


def with_sound(scene: CodedScene, sound: bytes | None) -> CodedScene:
    """Return ``scene`` with this sound, as `Scene` has it; None leaves it as it is.

    Raises:
        InputError: it cannot be a scene's sound.
    """
    if sound is None:
        return scene
    header = replace(scene.header, sound_channels=check_opus(sound))
    return CodedScene(header, {**scene.tensors, **stored_sound(sound)})


def write_coded(path: str | os.PathLike[str], scene: CodedScene) -> None:
    """Write ``scene`` to ``path``, completely or not at all.

    Raises:
        InputError: the scene would not open again, or the file cannot be written.
    """
    path = Path(path)
    partial = path
    try:
        header = header_to_json(scene.header)
        with atomic_write(path) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            save_file(scene.tensors, partial, metadata={HEADER_KEY: header})
            partial.chmod(mode)  # safetensors creates files that only their owner may read
            _check_written(partial, scene)
    except InputError as error:
        sentence = str(error).replace(str(partial), "it")
        raise InputError(f"{path} cannot be written: {sentence}") from error
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be written: {reason}") from error


def _check_written(path: Path, scene: CodedScene) -> None:
    """Raise InputError if ``path`` does not hold ``scene``, or readers would reject it."""
    header = read_header(path).header
    with safe_open(path, framework="pt") as file:
        for name, tensor in scene.tensors.items():
            if not torch.equal(file.get_tensor(name), tensor) and is_finite(tensor):
                raise InputError(f"its tensor {name!r} has other values when it is read again")
    for name, tensor in scene.tensors.items():
        if tensor.is_floating_point() and not is_finite(tensor):
            raise InputError(f"its tensor {name!r} is not finite")
    for chapter in range(len(header.chapters)):
        prefix = prefix_of(chapter, header.chapters)
        stored = {
            n.removeprefix(prefix): t for n, t in scene.tensors.items() if n.startswith(prefix)
        }
        _check_chapter(header.of_chapter(chapter), stored)
    if SOUND in scene.tensors:
        check_opus(scene.tensors[SOUND].numpy().tobytes())


def _check_chapter(header: SceneHeader, stored: dict[str, Tensor]) -> None:
    """Raise InputError if a coded tensor of a chapter does not unpack."""
    for decoder, config in header.configs.items():
        for key, shape in weight_shapes(config).items():
            _check_coded(stored, f"{decoder}.weights.{key}", shape, _check_weights)
        for name, shape in embedding_shapes(header, decoder).items():
            _check_coded(stored, name, shape, check_embeddings)
    if (size := still_size(header.configs.values())) is not None:
        unpack(stored[STILL].numpy(), size)
        shape = (header.frames, 1, *motion_size(*size))
        _check_coded(stored, MOTION, shape, check_series)


def _check_coded(
    stored: dict[str, Tensor],
    name: str,
    shape: tuple[int, ...],
    check: Callable[[Tensor, tuple[int, ...]], None],
) -> None:
    tensor = stored[name]
    if tensor.dtype == torch.uint8 and tensor.dim() == 1:
        try:
            check(tensor, shape)
        except InputError as error:
            raise InputError(f"of the tensor {name!r}: {error}") from error


def _check_weights(coded: Tensor, shape: tuple[int, ...]) -> None:
    if not is_finite(unpacked_weights(coded, shape)):
        raise InputError("it is not finite")
