"""The stem of a viewport network, folded, for those rows of a frame that a look sees."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.decoding.folded.stage import AffineBank, ScaleAndShift, affine_conv, fold_affine
from model.decoding.lowering import affines_of
from model.networks import Stage


class FoldedStem:
    """Channel expansion and one TAT residual block on the sphere (paper, section 2.2).

    Where features wrap around the sphere, what surrounds them went through the affine too, so
    that the affine folds into the convolution without a correction at the border. Each map is
    computed straight into the middle of a buffer that is one pixel wider a side, of which only
    the rim is then copied, where `pad_erp` copies whole maps.

    Attributes:
        features: what the latest call returned.
    """

    def __init__(self, stem: Stage, size: tuple[int, int], dtype: torch.dtype) -> None:
        """For embeddings of ``size``, height and width, and a stem that `fits`."""
        self.dtype, self.wrap = dtype, stem.conv.wrap
        assert stem.conv.bias is not None
        self.weight, self.bias = stem.conv.weight.to(dtype), stem.conv.bias.to(dtype)
        (residual,) = stem.residuals
        self.convolutions = (residual.conv1, residual.conv2)
        self.bank = AffineBank(affines_of([stem]))
        shape = (1, stem.conv.out_channels, size[0] + 2, size[1] + 2)
        self._first, self._second, self.features = (
            torch.empty(
                shape,
                dtype=dtype,
                device=stem.conv.weight.device,
                memory_format=torch.channels_last,
            )
            for _ in range(3)
        )

    @staticmethod
    def fits(stem: Stage) -> bool:
        """The stem is a 1×1 convolution, a sine and one residual block."""
        return stem.conv.kernel_size == (1, 1) and stem.sine and len(stem.residuals) == 1

    def __call__(
        self, embedding: Tensor, condition: Tensor, rows: tuple[int, int] | None = None
    ) -> Tensor:
        """1×d×h×w → 1×c×(h+2)×(w+2), continued across seam and poles, valid until the next call.

        Args:
            condition: `Architecture.time_condition` of the frame.
            rows: first and end of the rows of h that are wanted, all by default. The others, and
                what is wrapped from them, are undefined.
        """
        height = embedding.shape[-2]
        first, end = rows if rows and self.wrap else (0, height)
        affines = self.bank(condition)
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
        self, padded: Tensor, first: int, end: int, index: int, affine: ScaleAndShift
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
