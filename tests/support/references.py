"""The three decoders written out layer by layer, from the papers and the published code.

They share only the names of the weights with `nerv360`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
Activate = Callable[[str, str, Tensor], Tensor]
"""From the place of an activation, which one belongs there, and its input to its output."""

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sine": torch.sin,
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "relu": lambda x: x.clamp(min=0),
    "colour": lambda x: torch.tanh(x) * 0.5 + 0.5,
    "none": lambda x: x,
}


def as_written(place: str, kind: str, x: Tensor) -> Tensor:
    """Return the activation that belongs there."""
    return FUNCTIONS[kind](x)


@dataclass(frozen=True)
class Shape:
    """Properties of a network that its weights alone do not tell.

    Attributes:
        strides: of the stages.
        blocks: residual blocks of each.
        wrap: whether features in the shape of the frame go on across seam and poles.
        base, levels: of the positional encoding.
        periodic: multiples of the angles that encode a look; 0 encodes it as time is.
        published: whether the time is encoded in float32, as in the published code.
        on_look: whether the stages of NeRV360 are conditioned on it.
    """

    strides: tuple[int, ...]
    blocks: tuple[int, ...]
    wrap: bool
    base: float = 1.25
    levels: int = 80
    periodic: int = 0
    on_look: bool = True
    published: bool = False


def hnerv(w: Weights, shape: Shape, embedding: Tensor, activate: Activate = as_written) -> Tensor:
    """HNeRV (Chen et al., CVPR 2023): stem and GELU; convolution, shuffle, GELU; head."""
    x = activate("stem", "gelu", F.conv2d(embedding, w["stem.weight"], w["stem.bias"]))
    for i, stride in enumerate(shape.strides):
        x = F.pixel_shuffle(_conv(w, f"stages.{i}.conv", x, shape.wrap), stride)
        x = activate(f"stages.{i}", "gelu", x)
    return activate("head", "colour", _conv(w, "head.conv", x, shape.wrap))


def hnerv_boost(
    w: Weights, shape: Shape, embedding: Tensor, time: float, activate: Activate = as_written
) -> Tensor:
    """HNeRV-Boost (Zhang et al., CVPR 2024): sines, and residual blocks that know the time."""
    code = _published_code if shape.published else _code
    t = _embedded(w, "time_embedding", code(time, shape.base, shape.levels), activate)
    x = activate("stem", "sine", F.conv2d(embedding, w["stem.conv.weight"], w["stem.conv.bias"]))
    x = _residual(w, "residual", x, t, shape.wrap, activate)
    for i in range(len(shape.strides)):
        x = _stage(w, i, shape, x, t, shape.wrap, activate)
    return activate("head", "colour", _conv(w, "head.conv", x, shape.wrap))


def nerv360(
    w: Weights,
    shape: Shape,
    embedding: Tensor,
    time: float,
    look: tuple[float, float, float],
    size: tuple[int, int],
    activate: Activate = as_written,
) -> Tensor:
    """Decode NeRV360 for a level look of (yaw, pitch, horizontal field of view), radians.

    Args:
        size: height and width of the projected features.
    """
    yaw, pitch, hfov = look
    t = _embedded(w, "time_embedding", _code(time, shape.base, shape.levels), activate)
    name = "expansion.block.conv"
    x = activate("expansion", "sine", F.conv2d(embedding, w[f"{name}.weight"], w[f"{name}.bias"]))
    x = _residual(w, "expansion.residual", x, t, shape.wrap, activate)
    x = _seen(x, yaw, pitch, hfov, size)
    condition = t
    if shape.on_look:
        if shape.periodic:
            codes = [_multiples(angle, shape.periodic) for angle in (yaw, pitch)]
        else:
            values = ((yaw / (2 * math.pi) + 0.5) % 1.0, pitch / math.pi + 0.5)
            codes = [_code(value, shape.base, shape.levels) for value in values]
        yaw_embedding = _embedded(w, "yaw_embedding", codes[0], activate)
        pitch_embedding = _embedded(w, "pitch_embedding", codes[1], activate)
        condition = torch.cat([t, yaw_embedding, pitch_embedding], -1)
    for i in range(len(shape.strides)):
        x = _stage(w, i, shape, x, condition, False, activate)
    return activate("head", "colour", _conv(w, "head.conv", x, False))


def _stage(
    w: Weights, i: int, shape: Shape, x: Tensor, c: Tensor, wrap: bool, activate: Activate
) -> Tensor:
    x = F.pixel_shuffle(_conv(w, f"stages.{i}.block.conv", x, wrap), shape.strides[i])
    x = activate(f"stages.{i}", "sine", x)
    for k in range(shape.blocks[i]):
        x = _residual(w, f"stages.{i}.residuals.{k}", x, c, wrap, activate)
    return x


def _residual(
    w: Weights, name: str, x: Tensor, c: Tensor, wrap: bool, activate: Activate
) -> Tensor:
    y = _affine(w, f"{name}.affine1", x, c, activate)
    y = activate(name, "gelu", _conv(w, f"{name}.conv1", y, wrap))
    y = _affine(w, f"{name}.affine2", y, c, activate)
    return x + _conv(w, f"{name}.conv2", y, wrap)


def _affine(w: Weights, name: str, x: Tensor, c: Tensor, activate: Activate) -> Tensor:
    gamma, beta = (
        _linear(
            w,
            f"{name}.{head}.2",
            activate(f"{name}.{head}", "relu", _linear(w, f"{name}.{head}.0", c)),
        )
        for head in ("gamma", "beta")
    )
    return x * (1 + gamma[:, :, None, None]) + beta[:, :, None, None]


def _embedded(w: Weights, name: str, code: Tensor, activate: Activate) -> Tensor:
    """Two layers, a sine after both."""
    hidden = activate(f"{name}.0", "sine", _linear(w, f"{name}.0", code))
    return activate(f"{name}.2", "sine", _linear(w, f"{name}.2", hidden))


def _linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def _conv(w: Weights, name: str, x: Tensor, wrap: bool) -> Tensor:
    weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    reach = weight.shape[-1] // 2
    if not wrap:
        return F.conv2d(x, weight, bias, padding=reach)
    height, width = x.shape[-2:]
    rows, columns = [], []
    for i in range(-reach, height + reach):
        over = not 0 <= i < height
        inside = -1 - i if i < 0 else 2 * height - 1 - i if i >= height else i
        half = width // 2 if over else 0
        rows.append(inside)
        columns.append([(j + half) % width for j in range(-reach, width + reach)])
    padded = x[..., torch.tensor(rows)[:, None], torch.tensor(columns)]
    return F.conv2d(padded, weight, bias)


def _code(value: float, base: float, levels: int) -> Tensor:
    angles = [base**i * math.pi * value for i in range(levels)]
    return torch.tensor([[math.sin(a) for a in angles] + [math.cos(a) for a in angles]])


def _published_code(value: float, base: float, levels: int) -> Tensor:
    """Encode as the published code: float32 bases, made once, times float32 positions."""
    bases = base ** torch.arange(int(levels)) * math.pi
    assert bases.dtype == torch.float32
    position = torch.tensor([[value]], dtype=torch.float32)
    return torch.cat([torch.sin(position * bases), torch.cos(position * bases)], dim=-1)


def _multiples(angle: float, levels: int) -> Tensor:
    angles = [(i + 1) * angle for i in range(levels)]
    return torch.tensor([[math.sin(a) for a in angles] + [math.cos(a) for a in angles]])


def _seen(x: Tensor, yaw: float, pitch: float, hfov: float, size: tuple[int, int]) -> Tensor:
    """Bilinear, at the directions of a perspective picture's pixels."""
    height, width = x.shape[-2:]
    n, m = torch.meshgrid(
        torch.arange(size[0], dtype=torch.float64) + 0.5,
        torch.arange(size[1], dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    focal = size[1] / 2 / math.tan(hfov / 2)
    right, up = (m - size[1] / 2) / focal, (size[0] / 2 - n) / focal
    # Tilted by pitch in the plane of forward and up, then turned by yaw about the vertical.
    forward = math.cos(pitch) - up * math.sin(pitch)
    rise = math.sin(pitch) + up * math.cos(pitch)
    longitude = yaw + torch.atan2(right, forward)
    latitude = torch.atan2(rise, torch.hypot(forward, right))
    column = (longitude / (2 * math.pi) + 0.5) * width - 0.5
    row = (0.5 - latitude / math.pi) * height - 0.5
    left, top = column.floor().long(), row.floor().long()
    along, down = (column - left).float(), (row - top).float()

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        over = (rows < 0) | (rows >= height)
        rows = torch.where(rows < 0, -1 - rows, rows)
        rows = torch.where(rows >= height, 2 * height - 1 - rows, rows)
        return x[..., rows, (columns + over * (width // 2)) % width]

    upper = at(top, left) * (1 - along) + at(top, left + 1) * along
    lower = at(top + 1, left) * (1 - along) + at(top + 1, left + 1) * along
    return upper * (1 - down) + lower * down
