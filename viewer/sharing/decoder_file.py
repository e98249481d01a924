"""Compact file of one decoder for the page: its shader plan, weights and embeddings.

All are coded as in a scene file (`nerv360.scene`), but packed by zlib.
``viewer/web/scene/decoder_file.js`` reads it.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene import Decoder, coded_embeddings, coded_weights, deflated
from nerv360.shaders import LimitError, Limits, ShaderPlan, shader_plan

Array = npt.NDArray[np.float32]

_SIDES = (2048, 4096, 8192, 16384)
_MAP_BYTES = 256 * 2**20


def decoder_file(
    decoder: Decoder, coded: Sequence[Tensor | None] = (), *, quick: bool = False
) -> bytes:
    """Return a safetensors file: the tensor ``plan``, zlib-packed JSON, and the tensors it names.

    The plan is `ShaderPlan.to_json`, but an array is the name and shape of a tensor, and these keys
    differ:

    - ``weights``: one segment per pass with weights. The first ``coded`` matrices of a segment,
      from ``first`` on, are in its own tensor, as weights with one row per output. All other
      matrices are in the tensor ``rest``.
    - ``embeddings``: the tensor of each map that holds embeddings.

    Args:
        coded: its embeddings, coarsest first, if they are coded already.
        quick: pack embeddings as `deflated` does if quick.

    Raises:
        InputError: it exceeds the graphics that a page can rely on.
    """
    plan = page_plan(decoder)
    values, numbers = plan.to_json()
    tensors: dict[str, Tensor] = {}

    def put(name: str, tensor: Tensor) -> str:
        tensors[name] = tensor.contiguous()
        return name

    values["weights"] = _segments(plan, put)
    values["conditions"] = _with_arrays(values["conditions"], numbers, put)
    values["embeddings"] = []
    levels = itertools.zip_longest((decoder.embeddings, *decoder.finer), coded)
    for level, (embeddings, known) in enumerate(levels):
        name = f"finer{level - 1}" if level else "embedding"
        tensor = coded_embeddings(embeddings) if known is None else known
        shape = (decoder.frames, *decoder.config.embedding_shapes[level])
        packed = deflated(tensor, shape, "embeddings", quick=quick)
        stored = put(f"embeddings.{name}", packed)
        values["embeddings"].append({"map": name, "tensor": stored, "shape": list(shape)})
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    put("plan", torch.frombuffer(bytearray(zlib.compress(text.encode(), 9)), dtype=torch.uint8))
    return save(tensors)


def page_plan(decoder: Decoder) -> ShaderPlan:
    """Build the plan of a page, with the smallest texture size that suffices.

    Raises:
        InputError: it exceeds the graphics that a page can rely on.
    """
    limits = Limits(map_bytes=_MAP_BYTES)
    for side in _SIDES:
        try:
            return shader_plan(decoder, limits=replace(limits, side=side))
        except LimitError as error:
            refused = error
    raise InputError(f"{decoder.config.architecture} cannot be shown on a page: {refused}")


def _segments(plan: ShaderPlan, put: Callable[[str, Tensor], str]) -> dict[str, Any]:
    targets = {
        each.weights: plan.programs[each.program].targets
        for each in plan.passes
        if plan.programs[each.program].block or plan.programs[each.program].texture
    }
    begins = sorted(targets)
    segments, rest = [], []
    for first, end in zip(begins, [*begins[1:], len(plan.weights)], strict=True):
        rows, coded = _coded_rows(plan.weights[first:end], targets[first])
        segment = {"first": first, "coded": coded, "targets": targets[first], "tensor": ""}
        if rows is not None:
            segment["tensor"] = put(f"weights.{first}", rows)
        segments.append(segment)
        rest.append(plan.weights[first + coded : end].ravel())
    others = np.concatenate([np.zeros(0, np.float32), *rest])
    return {
        "shape": list(plan.weights.shape),
        "segments": segments,
        "rest": put("weights.rest", _floats(torch.from_numpy(others))),
    }


def _coded_rows(matrices: Array, targets: int) -> tuple[Tensor | None, int]:
    """Code as many of a pass's first matrices as possible; return them and their number.

    The remaining matrices are biases; there are few of them.
    """
    groups = len(matrices) // targets
    for count in range(groups, max(groups // 2, 0), -1):
        part = torch.from_numpy(matrices[: count * targets]).reshape(count, targets, 4, 4)
        rows = part.permute(1, 3, 0, 2).reshape(4 * targets, 4 * count)
        coded = coded_weights(rows)
        if coded is not None:
            return deflated(coded, tuple(rows.shape), "weights"), count * targets
    return None, 0


def _with_arrays(values: Any, numbers: bytes, put: Callable[[str, Tensor], str]) -> Any:
    """Replace each array within ``values``, so far a place in ``numbers``, by its tensor's name."""
    if isinstance(values, list):
        return [_with_arrays(each, numbers, put) for each in values]
    if not isinstance(values, dict):
        return values
    if set(values) == {"type", "shape", "offset"}:
        shape, offset = values["shape"], values["offset"]
        floats = np.frombuffer(numbers, "<f4", int(np.prod(shape)), offset).reshape(shape)
        tensor = torch.from_numpy(floats.astype(np.float32))
        coded = coded_weights(tensor)
        stored = _floats(tensor) if coded is None else deflated(coded, tuple(shape), "weights")
        return {"tensor": put(f"array.{offset}", stored), "shape": shape}
    return {name: _with_arrays(each, numbers, put) for name, each in values.items()}


def _floats(tensor: Tensor) -> Tensor:
    """Return ``tensor`` in half precision if that is exact."""
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor
