"""Layers of a network's layout, rearranged for several engines.

No rearrangement changes a picture. Engines differ in how affines meet the convolutions after them,
and in the precision of γ and β.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.geometry import pad_erp
from nerv360.networks import Affine, Stage
from nerv360.scene import Decoder

OPAQUE = 1000.0
"""Bias of the head's fourth channel: it saturates the logistic function, so that alpha is 255."""


def affines_of(stages: Iterable[Stage]) -> list[Affine]:
    """Return the affines of the stages' residual blocks, in the order of application."""
    blocks = [block for stage in stages for block in stage.residuals]
    return [affine for block in blocks for affine in (block.affine1, block.affine2)]


def affine_layers(affines: Sequence[Affine]) -> tuple[list[nn.Linear], list[nn.Linear]]:
    """Return the first and second layers of the affines' heads, γ and β in turn."""
    heads = [head for affine in affines for head in (affine.gamma, affine.beta)]
    return [cast(nn.Linear, head[0]) for head in heads], [cast(nn.Linear, h[2]) for h in heads]


def cells_first(outputs: Tensor, cells: int) -> Tensor:
    """Reorder weights or biases of a convolution before a pixel shuffle: (c·cells)×… → cells×c×….

    The channels of one cell of the shuffle are then adjacent.
    """
    return outputs.reshape(-1, cells, *outputs.shape[1:]).transpose(0, 1)


def shuffle(x: Tensor, stride: int) -> Tensor:
    """Shuffle pixels of channels in the order of `cells_first`: N×(s²·c)×h×w → N×c×sh×sw.

    Input and output are channels-last.
    """
    if stride == 1:
        return x
    height, width = x.shape[-2:]
    channels = x.shape[1] // stride**2
    cells = x.permute(0, 2, 3, 1).reshape(-1, width, stride, stride * channels)
    shuffled = cells.transpose(1, 2).contiguous()
    return shuffled.view(-1, height * stride, width * stride, channels).permute(0, 3, 1, 2)


def sphere_conv(x: Tensor, weight: Tensor, bias: Tensor, padding: int, *, wrap: bool) -> Tensor:
    """Apply the convolution of a `SphereConv` with this ``padding``."""
    if wrap and padding:
        return F.conv2d(pad_erp(x, padding), weight, bias)
    return F.conv2d(x, weight, bias, padding=padding)


def covered_still(decoder: Decoder, device: torch.device) -> Tensor | None:
    """Return the still panorama of a decoder on ``device``, or None without alpha.

    Raises:
        ValueError: the decoder needs a still panorama but has none.
    """
    if not decoder.config.still_panorama:
        return None
    if decoder.still is None:
        raise ValueError("the decoder covers a still panorama, and was given none")
    return decoder.still.pixels.to(device)


def rgba_bytes(x: Tensor, alpha: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Convert the head's result 1×c×h×w to contiguous h×w×4 uint8.

    The first three channels are twice the input of the colour head's tanh, because tanh(x)·0.5 +
    0.5 is the logistic function of 2x; the fourth is `OPAQUE`.

    Args:
        alpha: returns the alpha 1×1×h×w of a picture 1×4×h×w, float32 in [0, 1]; by default 1.
    """
    rgba = rgba_of(x)
    if alpha is not None:
        rgba[..., 3] = alpha(rgba.permute(2, 0, 1)[None])[0, 0]
    return to_bytes_(rgba)


def rgba_of(x: Tensor) -> Tensor:
    """Convert the head's result, as in `rgba_bytes`, to opaque h×w×4 float32 in [0, 1]."""
    return x[0, :4].permute(1, 2, 0).float().sigmoid()


def to_bytes_(values: Tensor) -> Tensor:
    """Convert float32 in [0, 1] to contiguous uint8, overwriting the input."""
    # Via int16 a CPU uses its vector units, which takes a quarter of the time.
    return values.mul_(255).add_(0.5).to(torch.int16).to(torch.uint8).contiguous()
