"""The file of one decoder: its plan of drawings, weights and embeddings, as few bytes.

Everything is coded as in a scene file (`model.scene`). Its reader is
``viewer/web/scene/decoder_file.js``.
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

from model.errors import InputError
from model.scene import Decoder, coded_embeddings, coded_weights
from model.shaders import LimitError, Limits, ShaderPlan, shader_plan

Array = npt.NDArray[np.float32]

_SIDES = (2048, 4096, 8192, 16384)
_MAP_BYTES = 256 * 2**20


def decoder_file(decoder: Decoder, coded: Sequence[Tensor | None] = ()) -> bytes:
    """A safetensors file: the tensor ``plan``, JSON that zlib has packed, and those it names.

    The plan is that of `ShaderPlan.to_json` but for its arrays. One is the name of its tensor and
    its shape. The weights are segments, one for each pass that has any: of the matrices from
    ``first`` on ``coded`` many are in its tensor, as weights whose rows are the outputs; what is
    left of all segments is in the tensor ``rest``. ``embeddings`` are the tensors of the maps that
    they fill.

    Args:
        coded: its embeddings, coarser ones first, as far as they are coded already.

    Raises:
        InputError: no graphics that a page may count on can draw it.
    """
    plan = _plan(decoder)
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
        shape = list(embeddings.shape)
        values["embeddings"].append(
            {"map": name, "tensor": put(f"embeddings.{name}", tensor), "shape": shape}
        )
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    put("plan", torch.frombuffer(bytearray(zlib.compress(text.encode(), 9)), dtype=torch.uint8))
    return save(tensors)


def _plan(decoder: Decoder) -> ShaderPlan:
    """The plan for as little graphics as can draw it."""
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
    """The longest beginning of a pass's matrices that can be coded, and its length: what follows
    are biases, of which there are few.
    """
    groups = len(matrices) // targets
    for count in range(groups, max(groups // 2, 0), -1):
        part = torch.from_numpy(matrices[: count * targets]).reshape(count, targets, 4, 4)
        rows = part.permute(1, 3, 0, 2).reshape(4 * targets, 4 * count)
        coded = coded_weights(rows)
        if coded is not None:
            return coded, count * targets
    return None, 0


def _with_arrays(values: Any, numbers: bytes, put: Callable[[str, Tensor], str]) -> Any:
    """``values`` in which each array's place in ``numbers`` is the name of its tensor."""
    if isinstance(values, list):
        return [_with_arrays(each, numbers, put) for each in values]
    if not isinstance(values, dict):
        return values
    if set(values) == {"type", "shape", "offset"}:
        shape, offset = values["shape"], values["offset"]
        floats = np.frombuffer(numbers, "<f4", int(np.prod(shape)), offset).reshape(shape)
        tensor = torch.from_numpy(floats.astype(np.float32))
        coded = coded_weights(tensor)
        name = put(f"array.{offset}", _floats(tensor) if coded is None else coded)
        return {"tensor": name, "shape": shape}
    return {name: _with_arrays(each, numbers, put) for name, each in values.items()}


def _floats(tensor: Tensor) -> Tensor:
    """``tensor`` in half precision where that holds it exactly."""
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor
