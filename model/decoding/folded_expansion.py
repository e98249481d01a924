"""The NeRV360 channel expansion rearranged for inference: fewer passes over memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.decoding.folded import AffineBank, affine_conv, fold_affine
from model.nerv360 import NeRV360


class FoldedExpansion:
    """`NeRV360.expand` of a network that expands before it projects, one frame at a time.

    Where features wrap around the sphere, what surrounds them went through the affine too, so
    that the affine folds into the convolution without a correction at the border. Each map is
    computed straight into the middle of a buffer that is one pixel wider a side, of which only
    the rim is then copied, where `pad_erp` copies whole maps.
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
        self._first, self._second, self._features = (
            torch.empty(shape, dtype=dtype, device=device, memory_format=torch.channels_last)
            for _ in range(3)
        )

    def __call__(self, embedding: Tensor, time: Tensor) -> Tensor:
        """1×d×h×w → 1×c2×(h+2)×(w+2), valid until the next call."""
        affines = self.bank(self.network.time_condition(time))
        embedding = embedding.to(self.dtype, memory_format=torch.channels_last)
        expanded = F.conv2d(embedding, self.weight, self.bias)
        x, y = _inner(self._first), _inner(self._second)
        torch.sin(expanded, out=x)
        hidden = self._convolve(self._first, 0, affines[0])
        torch.ops.aten.gelu.out(hidden, out=y)
        torch.add(self._convolve(self._second, 1, affines[1]), x, out=_inner(self._features))
        wrap_rim(self._features)
        return self._features

    def _convolve(self, padded: Tensor, index: int, affine: tuple[Tensor, Tensor]) -> Tensor:
        conv = self.convolutions[index]
        if not self.wrap:
            return affine_conv(_inner(padded), conv, *affine)
        wrap_rim(padded)
        weight, bias, _ = fold_affine(conv, *affine)
        return F.conv2d(padded, weight.to(self.dtype), bias.to(self.dtype))


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
