"""Tensors of a scene in its file: their names, types and shapes.

Each decoder has ``<decoder>.weights.<name in the state dict>`` and ``<decoder>.embeddings``; finer
embeddings are ``<decoder>.embeddings.1`` and so on. A tensor of n uint8 is coded
(`nerv360.scene.coding`); floats are stored unchanged. In version 2 embeddings are
frames×channels×h×w uint8, with ``.scale`` and ``.offset``, frames×channels: value = offset + scale
· byte. ``still`` is the still panorama of the decoders, as the bytes of an AVIF of the frame's
size, and ``still.motion`` its motion maps, coded. ``sound`` is the clip's sound, as the bytes of
Opus in Ogg.

In a file of several chapters the names of a chapter's tensors begin with its number, as in
``0002/nerv360.embeddings``; the sound is the whole clip's.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks import build_decoder, motion_size
from nerv360.scene.chapters import prefix_of, without_prefix
from nerv360.scene.coding import (
    FINE,
    Levels,
    levels_of,
    numbers_of,
    packed_embeddings,
    packed_weights,
    rounded_embeddings,
    unpacked_levels,
    unpacked_series,
    unpacked_weights,
)
from nerv360.scene.header import SceneHeader
from nerv360.scene.packed_still import STILL, check_packed, still_size
from nerv360.scene.safetensors_file import Contents, StoredTensor
from nerv360.scene.scene import Decoder, Scene
from nerv360.scene.still import StillPanorama
from nerv360.sound import MAX_SOUND_BYTES, check_opus
from nerv360.text import quoted

_T = TypeVar("_T")
_Expected = dict[str, tuple[tuple[int, ...], tuple[str, ...]]]
"""Shapes and possible types of tensors, by name."""
_FLOATS = {16: torch.float16, 32: torch.float32}
MOTION = "still.motion"
SOUND = "sound"
_MAX_VALUES = 2**29
"""Limit for the weights of a decoder, and for its embeddings: 2 GiB in float32."""


def _too_large(what: str, shape: tuple[int, ...]) -> str:
    size = "×".join(map(str, shape))
    return f"{what} are too large: {size} values, at most {_MAX_VALUES}"


def check_stored(header: SceneHeader, contents: Contents) -> None:
    """Raise an error if the tensors of a file do not match its header.

    Raises:
        InputError: a tensor is missing, unknown, too large, or has another shape or type.
    """
    expected: _Expected = {}
    by_chapter: dict[str, dict[str, StoredTensor]] = defaultdict(dict)
    for name, tensor in contents.tensors.items():
        by_chapter[name.removesuffix(without_prefix(name))][without_prefix(name)] = tensor
    for chapter in range(len(header.chapters)):
        prefix = prefix_of(chapter, header.chapters)
        found = _of_chapter(header.of_chapter(chapter), by_chapter[prefix])
        expected |= {prefix + name: each for name, each in found.items()}
    if header.sound_channels is not None:
        sound = contents.tensors.get(SOUND)
        if sound is not None and (
            len(sound.shape) != 1 or not 1 <= sound.shape[0] <= MAX_SOUND_BYTES
        ):
            raise InputError(
                f"the sound has the shape {sound.shape}, not 1 to {MAX_SOUND_BYTES} bytes"
            )
        expected[SOUND] = (sound.shape if sound is not None else (), ("U8",))
    if missing := [name for name in expected if name not in contents.tensors]:
        raise InputError(f"the tensor {missing[0]!r} is missing")
    if unknown := [name for name in contents.tensors if name not in expected]:
        raise InputError(f"the tensor {quoted(unknown[0])} does not belong to it")
    for name, (shape, types) in expected.items():
        tensor = contents.tensors[name]
        if tensor.shape != shape:
            raise InputError(f"the tensor {name!r} has the shape {tensor.shape}, not {shape}")
        if tensor.dtype not in types:
            raise InputError(
                f"the tensor {name!r} has the type {tensor.dtype}, not {' or '.join(types)}"
            )


def _of_chapter(header: SceneHeader, stored: dict[str, StoredTensor]) -> _Expected:
    """Return shapes and types of a chapter's tensors, by name without its number.

    Args:
        header: of the chapter.
        stored: the tensors that the file has of it.

    Raises:
        InputError: one is too large.
    """
    expected: _Expected = {}
    for decoder, config in header.configs.items():
        for weight_name, weight_shape in weight_shapes(config).items():
            name = f"{decoder}.weights.{weight_name}"
            expected[name] = _coded(name, stored) or (weight_shape, ("F16", "F32"))
        count = sum(map(math.prod, weight_shapes(config).values()))
        if count > _MAX_VALUES:
            raise InputError(
                f"the decoder {decoder} has too many weights: {count}, at most {_MAX_VALUES}"
            )
        for name, shape in embedding_shapes(header, decoder).items():
            if math.prod(shape) > _MAX_VALUES:
                raise InputError(_too_large(f"the embeddings of {decoder}", shape))
            coded = _coded(name, stored)
            expected[name] = coded or (shape, ("U8", "F16", "F32"))
            if not coded and name in stored and stored[name].dtype == "U8":
                for part in ("scale", "offset"):
                    expected[f"{name}.{part}"] = (shape[:2], ("F32",))
    if (size := still_size(header.configs.values())) is not None:
        found = stored.get(STILL)
        if found is not None:
            check_packed(found.shape)
        expected[STILL] = (found.shape if found is not None else (), ("U8",))
        shape = (header.frames, *motion_size(*size))
        if math.prod(shape) > _MAX_VALUES:
            raise InputError(_too_large("the motion maps", shape))
        expected[MOTION] = _coded(MOTION, stored) or (shape, ("U8",))
    return expected


def unpacked_bytes(header: SceneHeader) -> int:
    """Estimate the memory that `from_stored` takes at its peak, by what the header declares."""
    weights = embeddings = 0
    for name, config in header.configs.items():
        weights += sum(map(math.prod, weight_shapes(config).values()))
        embeddings += sum(map(math.prod, embedding_shapes(header, name).values()))
    size = still_size(header.configs.values())
    motion = 0 if size is None else header.frames * math.prod(motion_size(*size))
    # In float32, and twice in bytes while they are unpacked.
    return 4 * weights + 6 * embeddings + 3 * motion


def to_stored(scene: Scene, embedding_bits: int, weight_bits: int) -> dict[str, Tensor]:
    """Convert a scene to tensors by their names in the file, on the CPU.

    Args:
        embedding_bits: 8 (coded), 16 or 32.
        weight_bits: 16 or 32. Weights that overflow half precision are stored in 32 bits anyway;
            with 16, weights from `coarsened` are coded in fewer.

    Raises:
        ValueError: the number of bits is none of these.
    """
    if embedding_bits not in (8, *_FLOATS) or weight_bits not in _FLOATS:
        raise ValueError(
            f"embeddings take 8, 16 or 32 bits and weights 16 or 32, "
            f"not {embedding_bits} and {weight_bits}"
        )
    stored: dict[str, Tensor] = {}
    for decoder_name, decoder in scene.decoders.items():
        stored |= stored_weights(decoder_name, decoder.weights, weight_bits)
        for level, embeddings in enumerate((decoder.embeddings, *decoder.finer)):
            stored[embeddings_name(decoder_name, level)] = (
                coded_embeddings(embeddings)
                if embedding_bits == 8
                else _narrowed(embeddings, _FLOATS[embedding_bits])
            )
    return stored | stored_still(scene.still) | stored_sound(scene.sound)


def stored_weights(decoder: str, weights: dict[str, Tensor], bits: int = 16) -> dict[str, Tensor]:
    """Return the tensors of a decoder's weights by name in the file; ``bits`` as in `to_stored`."""
    stored = {}
    for name, weight in weights.items():
        coded = coded_weights(weight) if bits == 16 else None
        narrow = coded if coded is not None else _narrowed(weight, _FLOATS[bits])
        stored[f"{decoder}.weights.{name}"] = narrow
    return stored


def stored_still(still: StillPanorama | None) -> dict[str, Tensor]:
    """Return the tensors of a still panorama by name in the file; empty without one."""
    return {} if still is None else {STILL: still.packed, MOTION: still.coded_motion}


def stored_sound(sound: bytes | None) -> dict[str, Tensor]:
    """Return the tensor of a scene's sound by name in the file; empty without one."""
    if sound is None:
        return {}
    return {SOUND: torch.frombuffer(bytearray(sound), dtype=torch.uint8)}


def coded_embeddings(embeddings: Tensor) -> Tensor:
    """Code embeddings frames×c×h×w as n uint8.

    They are rounded if they have too many values, and returned unchanged if one is not finite.
    """
    levels = levels_of(embeddings) or levels_of(rounded_embeddings(embeddings, FINE))
    if levels is None:
        return embeddings  # no reader accepts them
    return packed_embeddings(*levels)


def coded_weights(weight: Tensor) -> Tensor | None:
    """Code weights as n uint8 if few bits hold them exactly; otherwise return None.

    None also for tensors too small to benefit.
    """
    numbers = numbers_of(weight)
    return None if numbers is None else packed_weights(*numbers)


def kept_weights(weight: Tensor) -> Tensor:
    """Return float32 weights as read back from a file of half precision.

    Weights that few bits hold exactly stay unchanged; others are rounded.
    """
    if numbers_of(weight) is not None:
        return weight
    return _narrowed(weight, torch.float16).float()


def from_stored(
    header: SceneHeader,
    stored: dict[str, Tensor],
    *,
    as_levels: bool = False,
    still_pixels: Callable[[], Tensor] | None = None,
) -> Scene:
    """Build a scene, in float32, from the tensors of `to_stored`.

    Args:
        as_levels: coded embeddings stay levels; see `Decoder.levels`.
        still_pixels: returns the still panorama, height×width×3 uint8, that another thread has
            unpacked or is unpacking.

    Raises:
        InputError: a coded tensor does not unpack to the shape given by ``header``.
    """
    decoders: dict[str, Decoder] = {}
    with ThreadPoolExecutor(4) as pool:  # unpacking releases the interpreter lock
        unpacking = {
            name: [
                pool.submit(_embeddings, stored, key, shape, as_levels)
                for key, shape in reversed(embedding_shapes(header, name).items())
            ]
            for name, config in header.configs.items()
        }  # the largest first: the others are unpacked beside it
        weights = {
            name: {
                key: _weight(stored, f"{name}.weights.{key}", shape)
                for key, shape in weight_shapes(config).items()
            }
            for name, config in header.configs.items()
        }
        still = _still(header, stored, still_pixels)
        for name, config in header.configs.items():
            maps = [unpacked.result() for unpacked in reversed(unpacking[name])]
            levels = tuple(each if isinstance(each, Levels) else None for each in maps)
            embeddings, *finer = (
                torch.empty(each.shape[0], 0) if isinstance(each, Levels) else each for each in maps
            )
            decoders[name] = Decoder(
                config=replace(config),
                weights=weights[name],
                embeddings=embeddings,
                training=header.trainings[name],
                finer=tuple(finer),
                still=still if config.still_panorama else None,
                levels=levels,
            )
    return Scene(
        header.attribution, header.width, header.height, header.fps, header.frames, decoders,
        header.fingerprint, sound_of(header, stored),
    )  # fmt: skip


def sound_of(header: SceneHeader, stored: dict[str, Tensor]) -> bytes | None:
    """Return the sound among the tensors of a file; None without sound.

    Raises:
        InputError: it has another number of channels than ``header`` says.
    """
    if header.sound_channels is None:
        return None
    sound = stored[SOUND].numpy().tobytes()
    channels = check_opus(sound)
    if channels != header.sound_channels:
        raise InputError(f"the sound has {channels} channels, not {header.sound_channels}")
    return sound


def embeddings_name(decoder: str, level: int) -> str:
    """Return the name of a decoder's embeddings; the coarsest have level 0."""
    return f"{decoder}.embeddings" + (f".{level}" if level else "")


@functools.lru_cache(maxsize=8)
def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a decoder's weights, by name in its state dict."""
    weights = build_decoder(config, "meta").state_dict()
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def embedding_shapes(header: SceneHeader, decoder: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a decoder's embeddings, coarsest first, by tensor name."""
    shapes = header.configs[decoder].embedding_shapes
    return {
        embeddings_name(decoder, level): (header.frames, *shape)
        for level, shape in enumerate(shapes)
    }


def _coded(
    name: str, tensors: dict[str, StoredTensor]
) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """Return shape and type of the tensor ``name`` if it is coded, otherwise None."""
    found = tensors.get(name)
    if found is None or found.dtype != "U8" or len(found.shape) != 1:
        return None
    return found.shape, ("U8",)


def _embeddings(
    stored: dict[str, Tensor], name: str, shape: tuple[int, ...], as_levels: bool
) -> Tensor | Levels:
    tensor = stored[name]
    if tensor.dtype != torch.uint8:
        return tensor.float()
    if tensor.dim() == 1:
        levels = _unpacked(unpacked_levels, name, tensor, shape)
        return levels if as_levels else levels[:]
    scale, offset = stored[f"{name}.scale"], stored[f"{name}.offset"]
    return tensor.float().mul_(scale[..., None, None]).add_(offset[..., None, None])


def _still(
    header: SceneHeader, stored: dict[str, Tensor], pixels: Callable[[], Tensor] | None
) -> StillPanorama | None:
    size = still_size(header.configs.values())
    if size is None:
        return None
    motion = stored[MOTION]
    if motion.dim() == 1:
        shape = (header.frames, 1, *motion_size(*size))
        motion = _unpacked(unpacked_series, MOTION, motion, shape)[:, 0]
    return StillPanorama(stored[STILL], size, motion, None if pixels is None else pixels())


def _weight(stored: dict[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = stored[name]
    if tensor.dtype != torch.uint8:
        return tensor.float()
    return _unpacked(unpacked_weights, name, tensor, shape)


def _unpacked(
    unpack: Callable[[Tensor, tuple[int, ...]], _T],
    name: str,
    coded: Tensor,
    shape: tuple[int, ...],
) -> _T:
    try:
        return unpack(coded, shape)
    except InputError as error:
        raise InputError(f"of the tensor {name!r}: {error}") from error


def _narrowed(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert ``tensor`` on the CPU to ``dtype``, or to float32 if half precision overflows."""
    whole = tensor.detach().cpu().float()
    narrow = whole.to(dtype)
    kept = narrow if bool((narrow.isfinite() == whole.isfinite()).all()) else whole
    return kept.clone(memory_format=torch.contiguous_format)
