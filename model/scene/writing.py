"""Writes scene files: one ``.safetensors`` with a clip's decoders and embeddings."""

from __future__ import annotations

import os
from dataclasses import replace

from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene.coded import coded_scene, write_coded
from nerv360.scene.coding import Coarseness, rounded_embeddings, rounded_weights
from nerv360.scene.scene import Scene
from nerv360.scene.tensors import kept_weights


def write_scene(
    path: str | os.PathLike[str], scene: Scene, *, embedding_bits: int = 8, weight_bits: int = 16
) -> None:
    """Write ``scene`` to ``path``, completely or not at all.

    Args:
        embedding_bits: 8, 16 or 32.
        weight_bits: 16 or 32; weights that overflow half precision are stored in 32 bits anyway.

    Raises:
        InputError: the scene would not open again, or the file cannot be written.
        ValueError: the number of bits is none of these.
    """
    try:
        coded = coded_scene(scene, embedding_bits=embedding_bits, weight_bits=weight_bits)
    except InputError as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    write_coded(path, coded)


def coarsened(scene: Scene, coarseness: Coarseness) -> Scene:
    """Round embeddings and weights of ``scene`` to few values.

    The result equals the scene that `write_scene` and `read_scene` return.
    """

    def few(weight: Tensor) -> Tensor:
        return kept_weights(rounded_weights(weight, coarseness))

    return replace(
        scene,
        decoders={
            name: replace(
                decoder,
                weights={key: few(weight) for key, weight in decoder.weights.items()},
                embeddings=rounded_embeddings(decoder.embeddings, coarseness),
                finer=tuple(rounded_embeddings(level, coarseness) for level in decoder.finer),
            )
            for name, decoder in scene.decoders.items()
        },
    )
