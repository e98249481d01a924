"""The decoders' building blocks as tensor cores want them: half precision, channels-last, and
channels in eights.

Channels that are missing from a multiple of eight are added as zeros. They stay zero through
sine, GELU and the affines, and nothing is read from them, so that the picture is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.geometry import pad_erp
from model.networks.layers import Affine, ColourHead, ConditionedBlock, UpsamplingBlock

ALIGNMENT = 8
_OPAQUE = 1000.0

Affines = Sequence[tuple[Tensor, Tensor]]


def aligned(channels: int) -> int:
    """The multiple of `ALIGNMENT` that holds so many channels."""
    return -(-channels // ALIGNMENT) * ALIGNMENT


class AlignedConv(nn.Module):
    """A convolution with zero channels added to its output and, but for a decoder's first one,
    to its input.

    With ``cells`` above 1 its outputs are put into the order (cell, channel), as the pixel
    shuffle after it wants them, and are aligned within each cell.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, conv: nn.Conv2d, dtype: torch.dtype, *, cells: int = 1, first: bool = False
    ) -> None:
        super().__init__()
        self.padding = conv.kernel_size[0] // 2
        self.wrap = bool(getattr(conv, "wrap", False)) and self.padding > 0
        self.channels = aligned(conv.out_channels // cells)
        spare_in = 0 if first else aligned(conv.in_channels) - conv.in_channels
        spare_out = self.channels - conv.out_channels // cells
        assert conv.bias is not None
        weight = conv.weight.detach().reshape(-1, cells, *conv.weight.shape[1:]).transpose(0, 1)
        bias = conv.bias.detach().reshape(-1, cells).transpose(0, 1)
        weight = F.pad(weight, (0, 0, 0, 0, 0, spare_in, 0, spare_out)).flatten(0, 1)
        bias = F.pad(bias, (0, spare_out)).flatten()
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.wrap:
            return F.conv2d(pad_erp(x, self.padding), self.weight, self.bias)
        return F.conv2d(x, self.weight, self.bias, padding=self.padding)


class AlignedUpsampling(nn.Module):
    """`UpsamplingBlock`, its pixel shuffle moving whole runs of channels."""

    def __init__(self, block: UpsamplingBlock, dtype: torch.dtype, *, first: bool = False) -> None:
        super().__init__()
        self.stride, self.sine = block.stride, block.sine
        self.conv = AlignedConv(block.conv, dtype, cells=block.stride**2, first=first)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        y = y.sin() if self.sine else F.gelu(y)
        s, c = self.stride, self.conv.channels
        if s == 1:
            return y
        height, width = y.shape[-2:]
        cells = y.permute(0, 2, 3, 1).reshape(height, width, s, s, c)
        shuffled = cells.permute(0, 2, 1, 3, 4).reshape(1, height * s, width * s, c)
        return shuffled.permute(0, 3, 1, 2)


class AlignedStem(nn.Module):
    """`HNeRV`'s first convolution and its GELU."""

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype, *, first: bool = False) -> None:
        super().__init__()
        self.conv = AlignedConv(conv, dtype, first=first)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.conv(x))


class AlignedResidual(nn.Module):
    """`ConditionedBlock` with γ and β given."""

    def __init__(self, block: ConditionedBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv1 = AlignedConv(block.conv1, dtype)
        self.conv2 = AlignedConv(block.conv2, dtype)

    def forward(self, x: Tensor, affines: Affines) -> Tensor:
        (scale1, shift1), (scale2, shift2) = affines
        y = F.gelu(self.conv1(x * scale1 + shift1))
        return x + self.conv2(y * scale2 + shift2)


class AlignedStage(nn.Module):
    """An upsampling block and its residual blocks, which take their affines from the list of
    the whole decoder from ``offset`` on.
    """

    def __init__(
        self,
        upsampling: nn.Module,
        residuals: Sequence[ConditionedBlock],
        dtype: torch.dtype,
        offset: int,
    ) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.residuals = nn.ModuleList(AlignedResidual(block, dtype) for block in residuals)
        self.offset = offset

    def forward(self, x: Tensor, affines: Affines) -> Tensor:
        x = self.upsampling(x)
        for index, residual in enumerate(self.residuals):
            at = self.offset + 2 * index
            x = residual(x, affines[at : at + 2])
        return x


class AffineTable(nn.Module):
    """1 + γ and β of many affines from one condition, by two matrix products in float32: all
    first layers are one, and the second layers, widened to the widest, are one batch.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def __init__(self, affines: Sequence[Affine], dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.widths = [aligned(_linear(affine.gamma[2]).out_features) for affine in affines]
        heads = [head for affine in affines for head in (affine.gamma, affine.beta)]
        first, second = [_linear(h[0]) for h in heads], [_linear(h[2]) for h in heads]
        widest = max(self.widths)

        def widen(x: Tensor) -> Tensor:
            return F.pad(x.detach(), (0, widest - x.shape[-1]))

        second_bias = torch.stack([widen(layer.bias) for layer in second])
        second_bias[::2] += 1
        self.register_buffer("first", torch.cat([layer.weight.detach() for layer in first]))
        self.register_buffer("first_bias", torch.cat([layer.bias.detach() for layer in first]))
        self.register_buffer("second", torch.stack([widen(layer.weight.T) for layer in second]))
        self.register_buffer("second_bias", second_bias[:, None])

    def rows(self, condition: Tensor) -> Tensor:
        """2·affines × 1 × widest, 1 + γ and β in turn, for a float32 1×e condition."""
        hidden = F.linear(condition, self.first, self.first_bias).relu()
        hidden = hidden.view(self.second.shape[0], 1, -1)
        return torch.baddbmm(self.second_bias, hidden, self.second)

    def forward(self, condition: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pairs of 1×c×1×1 in the order of the affines, for a float32 1×e condition."""
        table = self.rows(condition).to(self.dtype)
        rows = [table[k, 0] for k in range(2 * len(self.widths))]
        return [
            (rows[2 * k][:width].view(1, -1, 1, 1), rows[2 * k + 1][:width].view(1, -1, 1, 1))
            for k, width in enumerate(self.widths)
        ]


class RgbaHead(nn.Module):
    """`ColourHead`, ending in contiguous H×W×4 bytes.

    tanh(x)·0.5 + 0.5 is the logistic function of 2x: the factor goes into the weights, and a
    fourth channel whose bias saturates it becomes alpha.
    """

    def __init__(self, head: ColourHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv = AlignedConv(head.conv, dtype)
        self.conv.weight *= 2
        self.conv.bias *= 2
        self.conv.bias[3] = _OPAQUE

    def forward(self, x: Tensor) -> Tensor:
        rgba: Tensor = self.conv(x)[0, :4].permute(1, 2, 0)
        return (rgba.float().sigmoid() * 255 + 0.5).to(torch.uint8).contiguous()


def _linear(layer: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    return layer
