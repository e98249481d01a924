"""Layers of the decoders: encodings, SNeRV blocks and conditioned residual blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.geometry import pad_erp

EMBEDDING_HIDDEN = 64
"""Hidden width of the time, longitude and latitude MLPs."""


def positional_encoding(value: Tensor, base: float, levels: int) -> Tensor:
    """Compute sines and cosines of b^i·π·value for i < l (paper, section 2.3).

    The highest factor is about 1.4·10⁸ with the paper's b and l: in float32 the result would be
    noise that differs between machines.

    Args:
        value: float64, any shape …, usually in [0, 1].

    Returns:
        Float32, …×2l.

    Raises:
        TypeError: ``value`` is not float64.
    """
    if value.dtype != torch.float64:
        raise TypeError(f"a positional encoding needs float64, not {value.dtype}")
    exponents = torch.arange(levels, device=value.device, dtype=torch.float64)
    angles = value[..., None] * (base**exponents * math.pi)
    return torch.cat([angles.sin(), angles.cos()], -1).float()


def published_encoding(value: Tensor, base: float, levels: int) -> Tensor:
    """Compute `positional_encoding` in float32, as the published HNeRV-Boost does.

    Factors and products are rounded, so that the highest levels are far from the exact ones.
    """
    factors = base ** torch.arange(levels, device=value.device) * math.pi
    angles = value.float()[..., None] * factors
    return torch.cat([angles.sin(), angles.cos()], -1)


def periodic_encoding(angle: Tensor, levels: int) -> Tensor:
    """Compute sines and cosines of the first multiples of an angle: continuous across ±180°.

    Args:
        angle: float64, any shape …, radians.

    Returns:
        Float32, …×2·levels.
    """
    multiples = torch.arange(1, levels + 1, device=angle.device, dtype=torch.float64)
    angles = angle[..., None] * multiples
    return torch.cat([angles.sin(), angles.cos()], -1).float()


class SphereConv(nn.Conv2d):
    """Convolution of stride 1 that keeps the size.

    ``wrap`` continues ERP features across the seam and the poles; otherwise zeros surround them.

    Weights start at ``gain``/√fan-in. None keeps torch's default, whose variance is a third of
    that. The signal then dies out over the stages, sines stay linear, and training spends its first
    hundreds of steps undoing that.
    """

    bias: Tensor

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        wrap: bool,
        gain: float | None = 1.0,
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, padding=0 if wrap else kernel // 2)
        self.wrap = wrap
        if gain is None:
            return
        _normal(self.weight, gain / math.sqrt(channels_in * kernel**2))
        nn.init.uniform_(self.bias, -0.1, 0.1)

    def forward(self, x: Tensor, order: Tensor | None = None) -> Tensor:
        """Convolve N×c×h×w; ``order`` rearranges the channels of the result."""
        if self.wrap:
            x = pad_erp(x, self.kernel_size[0] // 2)
        if order is None:
            return super().forward(x)
        return self._conv_forward(x, self.weight[order], self.bias[order])


class UpsamplingBlock(nn.Module):
    """Convolution to c·s² channels, activation, pixel shuffle: N×c_in×h×w → N×c_out×sh×sw.

    With ``sine`` an SNeRV block, otherwise an HNeRV block with GELU.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int,
        kernel: int,
        *,
        wrap: bool,
        sine: bool = True,
    ) -> None:
        super().__init__()
        self.conv = SphereConv(channels_in, channels_out * stride**2, kernel, wrap)
        self.stride = stride
        self.sine = sine

    def forward(self, x: Tensor) -> Tensor:
        order = None
        if self.stride > 1 and self.training and x.device.type == "cpu":
            # The shuffle then copies runs of channels, there and in the backward pass.
            order = torch.arange(self.conv.out_channels).view(-1, self.stride**2).T.flatten()
        x = self.conv(x) if order is None else self.conv(x, order)
        x = x.sin() if self.sine else F.gelu(x)
        if order is not None:
            return _shuffled_runs(x, self.stride)
        return pixel_shuffle(x, self.stride) if self.stride > 1 else x


def _shuffled_runs(x: Tensor, stride: int) -> Tensor:
    """Shuffle pixels as `pixel_shuffle` does, of channels in the order s×s×c."""
    count, channels, height, width = x.shape
    runs = x.permute(0, 2, 3, 1).reshape(count, height, width, stride, channels // stride)
    rows = runs.transpose(2, 3)
    return rows.reshape(count, height * stride, width * stride, -1).permute(0, 3, 1, 2)


def pixel_shuffle(x: Tensor, stride: int) -> Tensor:
    """Shuffle N×c·s²×h×w like torch's `pixel_shuffle`, but keep channels-last."""
    # The CPU's own pixel shuffle keeps channels-last, and Metal has no alternative. CUDA's returns
    # N,C,H,W, which every later convolution would convert.
    if x.device.type in ("cpu", "mps"):
        return F.pixel_shuffle(x, stride)
    count, channels, height, width = x.shape
    channels //= stride**2
    cells = x.permute(0, 2, 3, 1).reshape(count, height, width, channels, stride, stride)
    rows = cells.permute(0, 1, 4, 2, 5, 3)
    return rows.reshape(count, height * stride, width * stride, channels).permute(0, 3, 1, 2)


class Sine(nn.Module):
    """Sine as an activation."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


class ConditionEmbedding(nn.Sequential):
    """Two-layer MLP with sines, from an encoding N×e to a condition embedding N×channels.

    The encoding may be on another device; the result is on the MLP's.
    """

    def __init__(self, encoding: int, channels: int) -> None:
        super().__init__(
            nn.Linear(encoding, EMBEDDING_HIDDEN),
            Sine(),
            nn.Linear(EMBEDDING_HIDDEN, channels),
            Sine(),
        )

    def forward(self, encoding: Tensor) -> Tensor:
        x = encoding.to(next(self.parameters()).device)
        for layer in self:
            x = layer(x)
        return x


class Affine(nn.Module):
    """Temporal or spatial-temporal affine transform x·(1 + γ) + β (paper, equation 1).

    γ and β come from two-layer heads on the condition.
    """

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()

        def head() -> nn.Sequential:
            last = nn.Linear(condition, channels)
            _normal(last.weight, 0.01)
            nn.init.zeros_(last.bias)
            return nn.Sequential(nn.Linear(condition, condition), nn.ReLU(), last)

        self.gamma = head()
        self.beta = head()

    def parameters_for(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return 1 + γ and β of N×c conditions, each N×channels×1×1."""
        gamma = self.gamma(condition)[..., None, None]
        beta = self.beta(condition)[..., None, None]
        return 1 + gamma, beta

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.parameters_for(condition)
        if x.dtype is torch.bfloat16 and x.device.type == "cpu":
            # torch adds a few channels of bfloat16 to each pixel one by one.
            shift = shift.expand_as(x).contiguous(memory_format=torch.channels_last)
        return x * scale + shift


class ConditionedBlock(nn.Module):
    """TAT or STAT residual block: affine, 3×3, GELU, affine, 3×3, added to its input."""

    def __init__(self, channels: int, condition: int, *, wrap: bool) -> None:
        super().__init__()
        self.affine1 = Affine(condition, channels)
        self.conv1 = SphereConv(channels, channels, 3, wrap)
        self.affine2 = Affine(condition, channels)
        self.conv2 = SphereConv(channels, channels, 3, wrap, gain=0.1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = F.gelu(self.conv1(self.affine1(x, condition)))
        return x + self.conv2(self.affine2(y, condition))


class ConditionedStage(nn.Module):
    """An SNeRV block and the TAT or STAT residual blocks after it (paper, figure 3)."""

    def __init__(self, block: UpsamplingBlock, residuals: Iterable[ConditionedBlock]) -> None:
        super().__init__()
        self.block = block
        self.residuals = nn.ModuleList(residuals)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = self.block(x)
        for residual in self.residuals:
            x = residual(x, condition)
        return x


class ColourHead(nn.Module):
    """3×3 convolution to RGB in [0, 1]: tanh·0.5 + 0.5."""

    def __init__(self, channels: int, *, wrap: bool) -> None:
        super().__init__()
        self.conv = SphereConv(channels, 3, 3, wrap, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.conv(x)) * 0.5 + 0.5


def _normal(weight: Tensor, std: float) -> None:
    # A meta tensor has no memory to fill, and torch would load its compiler to do it: seconds at
    # the start of every program that checks a scene file.
    if not weight.is_meta:
        nn.init.normal_(weight, std=std)
