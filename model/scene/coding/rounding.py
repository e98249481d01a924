"""Rounds values to few, so that a file needs few bytes for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.scene.coding.lzma_stream import Bytes
from nerv360.scene.coding.packing import MAX_LEVELS, Floats

MAX_WEIGHT_BITS = 12
_MIN_CODED, _MIN_ROW = 256, 8
"""Fewest values of a weight tensor and of its rows; smaller ones do not repay their scales."""


@dataclass(frozen=True)
class Coarseness:
    """Precision of a scene's values.

    Attributes:
        levels: of each channel of the embeddings, equally spaced over all frames; 2 to 256.
        weight_bits: of a weight, 2 to 12, in steps that fit the largest of its row.
        dead_zone: in steps between two levels. A level is kept as long as its values span no more
            than twice this, so that noise in still parts costs no bytes.
    """

    levels: int
    weight_bits: int
    dead_zone: float = 0.25


LEVELS = (16, 24, 32, 40, 48, 64, 96, 128, MAX_LEVELS)
WEIGHT_BITS = (8, 9, 10, MAX_WEIGHT_BITS)
"""Candidates for an export, coarsest first; docs/quality.md lists their costs."""
FINE = Coarseness(MAX_LEVELS, MAX_WEIGHT_BITS, dead_zone=0)
"""The finest precision of a coded file."""


def rounded_embeddings(embeddings: Tensor, coarseness: Coarseness) -> Tensor:
    """Round embeddings frames×c×h×w to few values per channel, on the CPU."""
    values = embeddings.detach().cpu().float()
    low, high = values.amin((0, 2, 3), keepdim=True), values.amax((0, 2, 3), keepdim=True)
    step = (high - low) / (coarseness.levels - 1)
    scaled = (values - low) / torch.where(step > 0, step, 1)
    return _steadied(scaled, coarseness.dead_zone).mul_(step).add_(low)


def nearest_levels(values: Tensor, table: Tensor, coarseness: Coarseness) -> Tensor:
    """Return the index, uint8, of the level for each of ``values``.

    Args:
        values: of one channel, frames first, float32 on the CPU.
        table: `level_table` of the channel.
    """
    low, high = table[0], table[-1]
    step = (high - low) / (coarseness.levels - 1)
    scaled = (values - low) / torch.where(step > 0, step, 1)
    return _steadied(scaled, coarseness.dead_zone).clamp_(0, coarseness.levels - 1).byte()


def level_table(low: float, high: float, coarseness: Coarseness) -> Tensor:
    """Return the values, float32, of a channel's levels between ``low`` and ``high``."""
    return torch.linspace(low, high, coarseness.levels, dtype=torch.float64, device="cpu").float()


def rounded_weights(weight: Tensor, coarseness: Coarseness) -> Tensor:
    """Round weights to few bits, on the CPU; tensors too small to benefit stay unchanged."""
    values = weight.detach().cpu().float()
    if not (_is_coded(values) and bool(values.isfinite().all())):
        return values
    numbers, scales = _multiples(values, coarseness.weight_bits)
    return numbers * scales


def levels_of(embeddings: Tensor) -> tuple[Bytes, Floats] | None:
    """Find the levels, frames×c×h×w, and their values, c×L, of embeddings with few values.

    None if a channel has more than `MAX_LEVELS` values, or one that is not finite.
    """
    channels = embeddings.detach().cpu().float().numpy().swapaxes(0, 1)
    if not np.isfinite(channels).all():
        return None
    found: list[Floats] = []
    for channel in channels:
        if np.unique(channel[0]).size > MAX_LEVELS:  # most channels with many values show it here
            return None
        found.append(np.unique(channel))
        if found[-1].size > MAX_LEVELS:
            return None
    length = max(values.size for values in found)
    table = np.stack([np.pad(v, (0, length - v.size), mode="edge") for v in found])
    pairs = zip(found, channels, strict=True)
    levels = np.stack([np.searchsorted(values, channel) for values, channel in pairs], 1)
    return levels.astype(np.uint8), table


def numbers_of(weight: Tensor) -> tuple[npt.NDArray[np.int16], Floats] | None:
    """Find whole numbers and a scale for each row whose products are exactly ``weight``.

    None if there are none of at most `MAX_WEIGHT_BITS` bits, or the tensor is too small to benefit.
    """
    if not _is_coded(weight):
        return None
    values = weight.detach().cpu().float()
    for bits in range(2, MAX_WEIGHT_BITS + 1):
        for rows in (values[:1], values):  # one row tells most often
            numbers, scales = _multiples(rows, bits)
            if not torch.equal(numbers * scales, rows):
                break
        else:
            return numbers.numpy().astype(np.int16), scales.flatten().numpy()
    return None


def _steadied(values: Tensor, dead_zone: float) -> Tensor:
    """Round ``values``, frames first, to whole numbers that change as rarely as possible.

    A number stays until the values it stands for would span more than twice the dead zone; it is
    the middle of their span.
    """
    result = torch.empty_like(values)
    changes = torch.zeros(values.shape, dtype=torch.bool)
    low = high = values[0]
    for frame, value in enumerate(values):
        lower, higher = torch.minimum(low, value), torch.maximum(high, value)
        changes[frame] = higher - lower > 2 * dead_zone
        low = torch.where(changes[frame], value, lower)
        high = torch.where(changes[frame], value, higher)
        result[frame] = ((low + high) / 2).round()
    for frame in range(len(values) - 2, -1, -1):
        result[frame] = torch.where(changes[frame + 1], result[frame], result[frame + 1])
    return result


def _is_coded(weight: Tensor) -> bool:
    return weight.dim() > 1 and weight.numel() >= max(_MIN_CODED, _MIN_ROW * weight.shape[0])


def _multiples(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return whole numbers of ``bits`` bits, and a scale for each row, ready to broadcast."""
    largest = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True)
    # Scales have 12 bits, so that a number times its scale is exact and yields the same scale
    # again.
    mantissa, exponent = torch.frexp(largest / (2 ** (bits - 1) - 1))
    scales = torch.ldexp((mantissa * 2**12).round() / 2**12, exponent)
    return (weight / torch.where(scales > 0, scales, 1)).round(), scales
