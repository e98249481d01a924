"""The NeRV360 channel expansion rearranged for inference: fewer passes over memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.decoding.folded.stages import AffineBank, affine_conv, fold_affine
from model.networks.nerv360 import NeRV360


class FoldedExpansion:
    """`NeRV360.expand` of a network that expands before it projects, one frame at a time.

    Where features wrap around the sphere, what surrounds them went through the affine too, so
    that the affine folds into the convolution without a correction at the border. Each map is
    computed straight into the middle of a buffer that is one pixel wider a side, of which only
    the rim is then copied, where `pad_erp` copies whole maps. And a viewport needs but some of
    the rows.

    Attributes:
        features: what the latest call returned.
    """

    def __init__(self, network: NeRV360, dtype: torch.dtype = torch.float32) -> None:
        self.network, self.dtype = network, dtype
        self.wrap = network.expansion.block.conv.wrap
        expand, residual = network.expansion.block.conv, network.expansion.residual
        assert expand.bias is not None
        self.weight, self.bias = expand.weight.to(dtype), expand.bias.to(dtype)
        self.convolutions = (residual.conv1, residual.conv2)
        self.bank = AffineBank([residual.affine1, residual.affine2])
        config = network.config
        height, width = config.embedding_size
        shape = (1, config.widths[0], height + 2, width + 2)
        device = residual.conv1.weight.device
        self._first, self._second, self.features = (
            torch.empty(shape, dtype=dtype, device=device, memory_format=torch.channels_last)
            for _ in range(3)
        )

    def __call__(
        self, embedding: Tensor, time: Tensor, rows: tuple[int, int] | None = None
    ) -> Tensor:
        """1×d×h×w → 1×c2×(h+2)×(w+2), valid until the next call.

        Args:
            rows: first and end of the rows of h that are wanted, all by default. The others, and
                what is wrapped from them, are undefined.
        """
        height = embedding.shape[-2]
        first, end = rows if rows and self.wrap else (0, height)
        affines = self.bank(self.network.time_condition(time))
        embedding = embedding.to(self.dtype, memory_format=torch.channels_last)
        below, above = max(first - 2, 0), min(end + 2, height)
        expanded = F.conv2d(embedding[..., below:above, :], self.weight, self.bias)
        torch.sin(expanded, out=_inner(self._first)[..., below:above, :])
        below, above = max(first - 1, 0), min(end + 1, height)
        hidden = self._convolve(self._first, below, above, 0, affines[0])
        torch.ops.aten.gelu.out(hidden, out=_inner(self._second)[..., below:above, :])
        x, y = (_inner(map)[..., first:end, :] for map in (self._first, self.features))
        torch.add(self._convolve(self._second, first, end, 1, affines[1]), x, out=y)
        wrap_rim(self.features)
        return self.features

    def _convolve(
        self, padded: Tensor, first: int, end: int, index: int, affine: tuple[Tensor, Tensor]
    ) -> Tensor:
        conv = self.convolutions[index]
        if not self.wrap:
            return affine_conv(_inner(padded), conv, *affine)
        wrap_rim(padded)
        weight, bias, _ = fold_affine(conv, *affine)
        return F.conv2d(padded[..., first : end + 2, :], weight.to(self.dtype), bias.to(self.dtype))


def wrap_rim(padded: Tensor) -> None:
    """Fill the outermost pixels of N×C×(H+2)×(W+2) from those inside, as `pad_erp` would."""
    inside = _inner(padded)
    half = inside.shape[-1] // 2
    padded[..., 0, 1:-1] = inside[..., 0, :].roll(half, -1)
    padded[..., -1, 1:-1] = inside[..., -1, :].roll(half, -1)
    padded[..., 0] = padded[..., -2]
    padded[..., -1] = padded[..., 1]


def _inner(padded: Tensor) -> Tensor:
    return padded[..., 1:-1, 1:-1]
