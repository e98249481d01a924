"""The scene file: one ``.safetensors`` with a clip's decoders and embeddings (design, section 4).

Its metadata hold the JSON header under the key ``nerv360``; its tensors are, for each decoder,
``<decoder>.weights.<name of the state dict>`` and ``<decoder>.embeddings``, the latter in 8 bits
beside ``.scale`` and ``.offset``, frames×channels: value = offset + scale · byte.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from model.config import ModelConfig
from model.errors import InputError
from model.files import atomic_write
from model.networks.registry import build_decoder
from model.scene.fingerprint import Fingerprint
from model.scene.header import (
    Material,
    SceneHeader,
    TrainingSummary,
    header_from_json,
    header_to_json,
)
from model.scene.safetensors_file import Contents, parse_json, read_contents, shown

__all__ = [
    "Decoder",
    "Material",
    "Scene",
    "SceneHeader",
    "StoredScene",
    "TrainingSummary",
    "quantised",
    "read_header",
    "read_scene",
    "write_scene",
]

_KEY = "nerv360"
_WEIGHT_TYPES = {16: torch.float16, 32: torch.float32}
_EMBEDDING_TYPES = {8: torch.uint8, 16: torch.float16, 32: torch.float32}
_MAX_VALUES = 2**29
"""Of a decoder's weights, and of its embeddings: 2 GiB in float32."""


@dataclass
class Decoder:
    """One trained decoder and what it decodes.

    Attributes:
        config: its architecture.
        weights: its state dict, without encoder and embeddings; float32.
        embeddings: frames×d×h×w, float32.
        training: how it came about.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    embeddings: Tensor
    training: TrainingSummary


@dataclass
class Scene:
    """A clip as its decoders know it; picture i of ``frames`` has the time i / frames.

    Attributes:
        width, height: pixels of the source clip.
        fps: its pictures a second.
        decoders: at least one, by architecture: ``nerv360``, ``hnerv``, ``hnerv-boost``.
        fingerprint: of the pictures that they learnt, where it is known.
    """

    material: Material
    width: int
    height: int
    fps: float
    frames: int
    decoders: dict[str, Decoder]
    fingerprint: Fingerprint | None = None

    def decoder(self, name: str) -> Decoder:
        """Decoder called ``name``.

        Raises:
            InputError: the scene has none of that name.
        """
        if name not in self.decoders:
            raise InputError(f"the scene has no decoder {name}, only {', '.join(self.decoders)}")
        return self.decoders[name]

    @property
    def header(self) -> SceneHeader:
        """Everything but the tensors."""
        return SceneHeader(
            material=self.material,
            width=self.width,
            height=self.height,
            fps=self.fps,
            frames=self.frames,
            configs={name: decoder.config for name, decoder in self.decoders.items()},
            trainings={name: decoder.training for name, decoder in self.decoders.items()},
            fingerprint=self.fingerprint,
        )


@dataclass(frozen=True)
class StoredScene:
    """What a scene file says about itself.

    Attributes:
        file_bytes: length of the file.
        weight_bytes, embedding_bytes: by decoder, bytes of its tensors in the file.
    """

    header: SceneHeader
    file_bytes: int
    weight_bytes: dict[str, int]
    embedding_bytes: dict[str, int]


def read_header(path: str | os.PathLike[str]) -> StoredScene:
    """What the scene file at ``path`` holds, checked as `read_scene` does but loading no tensor.

    Raises:
        InputError: it is not a scene file or it is damaged.
    """
    path = Path(path)
    contents = read_contents(path)
    if _KEY not in contents.metadata:
        raise InputError(f"{path} is a safetensors file but not a scene: it has no scene header")
    try:
        header = header_from_json(parse_json(contents.metadata[_KEY]))
        _check_tensors(header, contents)
    except ValueError as error:
        sentence = str(error) if isinstance(error, InputError) else f"its header is bad ({error})"
        raise InputError(f"{path} cannot be read as a scene: {sentence}") from error

    def stored(test: Callable[[str, str], bool]) -> dict[str, int]:
        return {
            decoder: sum(t.size for name, t in contents.tensors.items() if test(name, decoder))
            for decoder in header.configs
        }

    return StoredScene(
        header=header,
        file_bytes=path.stat().st_size,
        weight_bytes=stored(lambda name, decoder: name.startswith(f"{decoder}.weights.")),
        embedding_bytes=stored(lambda name, decoder: name.startswith(f"{decoder}.embeddings")),
    )


def read_scene(path: str | os.PathLike[str], only: str | None = None) -> Scene:
    """The scene in the file at ``path``, its tensors float32 on the CPU.

    Args:
        only: a decoder of it; the others are not loaded.

    Raises:
        InputError: it is not a scene file, it is damaged, a value in it is not finite, or it has
            no such decoder.
    """
    header, tensors = _read_stored(path, only)
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path} is damaged: its tensor {shown(name)} is not finite")
    scene = _from_stored(header, tensors)
    for name, decoder in scene.decoders.items():
        if not bool(torch.isfinite(decoder.embeddings).all()):
            raise InputError(f"{path} is damaged: the embeddings of {name} are not finite")
    return scene


def bytes_alone(path: str | os.PathLike[str], decoder: str) -> int:
    """Length of the scene file at ``path`` if it held this decoder alone, header and all.

    Raises:
        InputError: it is not a scene file, or it has no such decoder.
    """
    header, tensors = _read_stored(path, decoder)
    return len(save(tensors, {_KEY: header_to_json(header)}))


def write_scene(
    path: str | os.PathLike[str], scene: Scene, *, embedding_bits: int = 8, weight_bits: int = 16
) -> None:
    """Write ``scene`` to ``path``, which appears whole or not at all.

    Args:
        embedding_bits: 8, 16 or 32.
        weight_bits: 16 or 32; what half precision cannot hold is stored in 32 all the same.

    Raises:
        InputError: the scene would not open again, or the file cannot be written.
        ValueError: there is no such number of bits.
    """
    path = Path(path)
    partial = path
    try:
        header = header_to_json(scene.header)
        tensors = _to_stored(scene, embedding_bits, weight_bits)
        with atomic_write(path) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            save_file(tensors, partial, metadata={_KEY: header})
            partial.chmod(mode)  # safetensors makes files that only their owner may read
            read_scene(partial)
    except InputError as error:
        sentence = str(error).replace(str(partial), "it")
        raise InputError(f"{path} cannot be written: {sentence}") from error
    except (OSError, SafetensorError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise InputError(f"{path} cannot be written: {reason}") from error


def quantised(scene: Scene, *, embedding_bits: int = 8, weight_bits: int = 16) -> Scene:
    """What `write_scene` and `read_scene` would make of ``scene``."""
    return _from_stored(scene.header, _to_stored(scene, embedding_bits, weight_bits))


def _read_stored(
    path: str | os.PathLike[str], only: str | None
) -> tuple[SceneHeader, dict[str, Tensor]]:
    """Header and tensors as they are stored, of one decoder or of all."""
    header = read_header(path).header
    others: tuple[str, ...] = ()
    if only is not None:
        if only not in header.configs:
            raise InputError(f"{path} has no decoder {only}, only {', '.join(header.configs)}")
        others = tuple(f"{name}." for name in header.configs if name != only)
        header = header.only(only)
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith(others)]  # noqa: SIM118
            return header, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _check_tensors(header: SceneHeader, contents: Contents) -> None:
    expected: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
    for decoder, config in header.configs.items():
        embeddings = (header.frames, config.embedding_channels, *config.embedding_size)
        if math.prod(embeddings) > _MAX_VALUES:
            raise InputError(f"the embeddings of {decoder} would have the absurd size {embeddings}")
        weights = build_decoder(config, "meta").state_dict()
        if (count := sum(weight.numel() for weight in weights.values())) > _MAX_VALUES:
            raise InputError(
                f"the decoder {decoder} would have the absurd number of {count} weights"
            )
        for name, tensor in weights.items():
            expected[f"{decoder}.weights.{name}"] = (tuple(tensor.shape), ("F16", "F32"))
        name = f"{decoder}.embeddings"
        expected[name] = (embeddings, ("U8", "F16", "F32"))
        if name in contents.tensors and contents.tensors[name].dtype == "U8":
            for part in ("scale", "offset"):
                expected[f"{name}.{part}"] = (embeddings[:2], ("F32",))
    if missing := [name for name in expected if name not in contents.tensors]:
        raise InputError(f"the tensor {missing[0]!r} is missing")
    if unknown := [name for name in contents.tensors if name not in expected]:
        raise InputError(f"the tensor {shown(unknown[0])} does not belong to it")
    for name, (shape, types) in expected.items():
        tensor = contents.tensors[name]
        if tensor.shape != shape:
            raise InputError(f"the tensor {name!r} has the shape {tensor.shape}, not {shape}")
        if tensor.dtype not in types:
            raise InputError(
                f"the tensor {name!r} has the type {tensor.dtype}, not {' or '.join(types)}"
            )


def _to_stored(scene: Scene, embedding_bits: int, weight_bits: int) -> dict[str, Tensor]:
    if embedding_bits not in _EMBEDDING_TYPES or weight_bits not in _WEIGHT_TYPES:
        raise ValueError(
            f"embeddings take 8, 16 or 32 bits and weights 16 or 32, "
            f"not {embedding_bits} and {weight_bits}"
        )
    stored: dict[str, Tensor] = {}
    for decoder_name, decoder in scene.decoders.items():
        for name, weight in decoder.weights.items():
            stored[f"{decoder_name}.weights.{name}"] = _narrowed(weight, _WEIGHT_TYPES[weight_bits])
        name = f"{decoder_name}.embeddings"
        if embedding_bits == 8:
            bytes_, scale, offset = _to_bytes(decoder.embeddings)
            stored |= {name: bytes_, f"{name}.scale": scale, f"{name}.offset": offset}
        else:
            stored[name] = _narrowed(decoder.embeddings, _EMBEDDING_TYPES[embedding_bits])
    return stored


def _from_stored(header: SceneHeader, stored: dict[str, Tensor]) -> Scene:
    decoders: dict[str, Decoder] = {}
    for name, config in header.configs.items():
        prefix = f"{name}.weights."
        embeddings = stored[f"{name}.embeddings"].float()
        if stored[f"{name}.embeddings"].dtype == torch.uint8:
            scale, offset = stored[f"{name}.embeddings.scale"], stored[f"{name}.embeddings.offset"]
            embeddings.mul_(scale[..., None, None]).add_(offset[..., None, None])
        decoders[name] = Decoder(
            config=replace(config),
            weights={
                key.removeprefix(prefix): tensor.float()
                for key, tensor in stored.items()
                if key.startswith(prefix)
            },
            embeddings=embeddings,
            training=header.trainings[name],
        )
    return Scene(
        header.material, header.width, header.height, header.fps, header.frames, decoders,
        header.fingerprint,
    )  # fmt: skip


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
