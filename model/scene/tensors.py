"""Tensors of a scene as its file stores them: their names, types and shapes.

For each decoder there are ``<decoder>.weights.<name of the state dict>`` and
``<decoder>.embeddings``, the latter in 8 bits beside ``.scale`` and ``.offset``, frames×channels:
value = offset + scale · byte; finer embeddings are ``<decoder>.embeddings.1`` and so on. ``still``
is the still panorama that decoders cover, as the bytes of an AVIF, of the frame's size, and
``still.motion`` its motion maps.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from model.errors import InputError
from model.networks import build_decoder, motion_size
from model.scene.header import SceneHeader
from model.scene.packed_still import STILL, check_packed, still_size
from model.scene.safetensors_file import Contents, quoted
from model.scene.scene import Decoder, Scene
from model.scene.still import StillPanorama

_WEIGHT_TYPES = {16: torch.float16, 32: torch.float32}
_EMBEDDING_TYPES = {8: torch.uint8, 16: torch.float16, 32: torch.float32}
MOTION = "still.motion"
_MAX_VALUES = 2**29
"""Of a decoder's weights, and of its embeddings: 2 GiB in float32."""


def check_stored(header: SceneHeader, contents: Contents) -> None:
    """Refuse a file whose tensors are not those that its header promises.

    Raises:
        InputError: one is missing, too many, too large, or has another shape or type.
    """
    expected: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
    for decoder, config in header.configs.items():
        shapes: list[tuple[int, ...]] = [(header.frames, *s) for s in config.embedding_shapes]
        for shape in shapes:
            if math.prod(shape) > _MAX_VALUES:
                raise InputError(f"the embeddings of {decoder} would have the absurd size {shape}")
        weights = build_decoder(config, "meta").state_dict()
        if (count := sum(weight.numel() for weight in weights.values())) > _MAX_VALUES:
            raise InputError(
                f"the decoder {decoder} would have the absurd number of {count} weights"
            )
        for name, tensor in weights.items():
            expected[f"{decoder}.weights.{name}"] = (tuple(tensor.shape), ("F16", "F32"))
        for level, shape in enumerate(shapes):
            name = _embeddings_name(decoder, level)
            expected[name] = (shape, ("U8", "F16", "F32"))
            if name in contents.tensors and contents.tensors[name].dtype == "U8":
                for part in ("scale", "offset"):
                    expected[f"{name}.{part}"] = (shape[:2], ("F32",))
    if (size := still_size(header.configs.values())) is not None:
        found = contents.tensors.get(STILL)
        if found is not None:
            check_packed(found.shape)
        expected[STILL] = (found.shape if found is not None else (), ("U8",))
        expected[MOTION] = ((header.frames, *motion_size(*size)), ("U8",))
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


def to_stored(scene: Scene, embedding_bits: int, weight_bits: int) -> dict[str, Tensor]:
    """Tensors by their names in the file, on the CPU.

    Args:
        embedding_bits: 8, 16 or 32.
        weight_bits: 16 or 32; what half precision cannot hold is stored in 32 all the same.

    Raises:
        ValueError: there is no such number of bits.
    """
    if embedding_bits not in _EMBEDDING_TYPES or weight_bits not in _WEIGHT_TYPES:
        raise ValueError(
            f"embeddings take 8, 16 or 32 bits and weights 16 or 32, "
            f"not {embedding_bits} and {weight_bits}"
        )
    stored: dict[str, Tensor] = {}
    for decoder_name, decoder in scene.decoders.items():
        for name, weight in decoder.weights.items():
            stored[f"{decoder_name}.weights.{name}"] = _narrowed(weight, _WEIGHT_TYPES[weight_bits])
        for level, embeddings in enumerate((decoder.embeddings, *decoder.finer)):
            name = _embeddings_name(decoder_name, level)
            if embedding_bits == 8:
                bytes_, scale, offset = _to_bytes(embeddings)
                stored |= {name: bytes_, f"{name}.scale": scale, f"{name}.offset": offset}
            else:
                stored[name] = _narrowed(embeddings, _EMBEDDING_TYPES[embedding_bits])
    if scene.still is not None:
        stored |= {STILL: scene.still.packed, MOTION: scene.still.motion.contiguous()}
    return stored


def from_stored(header: SceneHeader, stored: dict[str, Tensor]) -> Scene:
    """The scene, in float32, whose tensors `to_stored` gave."""
    decoders: dict[str, Decoder] = {}
    size = still_size(header.configs.values())
    still = StillPanorama(stored[STILL], size, stored[MOTION]) if size is not None else None
    for name, config in header.configs.items():
        prefix = f"{name}.weights."
        embeddings, *finer = (
            _from_bytes(stored, _embeddings_name(name, level))
            for level in range(len(config.embedding_shapes))
        )
        decoders[name] = Decoder(
            config=replace(config),
            weights={
                key.removeprefix(prefix): tensor.float()
                for key, tensor in stored.items()
                if key.startswith(prefix)
            },
            embeddings=embeddings,
            training=header.trainings[name],
            finer=tuple(finer),
            still=still if config.still_panorama else None,
        )
    return Scene(
        header.material, header.width, header.height, header.fps, header.frames, decoders,
        header.fingerprint,
    )  # fmt: skip


def _embeddings_name(decoder: str, level: int) -> str:
    return f"{decoder}.embeddings" + (f".{level}" if level else "")


def _from_bytes(stored: dict[str, Tensor], name: str) -> Tensor:
    embeddings = stored[name].float()
    if stored[name].dtype == torch.uint8:
        scale, offset = stored[f"{name}.scale"], stored[f"{name}.offset"]
        embeddings.mul_(scale[..., None, None]).add_(offset[..., None, None])
    return embeddings


def _narrowed(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """``tensor`` on the CPU in ``dtype``, or in float32 where half precision would overflow."""
    whole = tensor.detach().cpu().float()
    narrow = whole.to(dtype)
    kept = narrow if bool((narrow.isfinite() == whole.isfinite()).all()) else whole
    return kept.clone(memory_format=torch.contiguous_format)


def _to_bytes(embeddings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bytes, scale and offset; each frame and channel spans its own 256 levels."""
    values = embeddings.detach().cpu().float()
    low, high = values.amin((-2, -1)), values.amax((-2, -1))
    scale = (high - low) / 255
    step = torch.where(scale > 0, scale, 1)[..., None, None]
    levels = ((values - low[..., None, None]) / step).round().clamp(0, 255)
    return levels.to(torch.uint8).contiguous(), scale.contiguous(), low.contiguous()
