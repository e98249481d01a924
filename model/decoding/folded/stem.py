"""The folded stem of a viewport network, for the crop of a frame that a look sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding.folded.feature_crop import REACH, FeatureCrop, Piece
from nerv360.decoding.folded.stage import AffineBank, ScaleAndShift, affine_conv, fold_affine
from nerv360.decoding.lowering import affines_of
from nerv360.networks import Stage


class FoldedStem:
    """Channel expansion and one TAT residual block on the sphere (paper, section 2.2).

    The affine can be folded into the convolution without a correction at the border: wrapped
    padding goes through the affine too. Each map is computed inside a buffer that is one pixel
    wider on each side, so only the border is copied; `pad_erp` would copy the whole map.

    Attributes:
        features: result of the latest call.
    """

    def __init__(self, stem: Stage, size: tuple[int, int], dtype: torch.dtype) -> None:
        """Fold a stem that `fits`, for embeddings of ``size``, height and width."""
        self.dtype, self.wrap = dtype, stem.conv.wrap
        self.weight, self.bias = stem.conv.weight.to(dtype), stem.conv.bias.to(dtype)
        (residual,) = stem.residuals
        self.convolutions = (residual.conv1, residual.conv2)
        self.bank = AffineBank(affines_of([stem]))
        shape = (1, stem.conv.out_channels, size[0] + 2, size[1] + 2)
        # Sampled features are float32 from the start; otherwise each look would convert all of
        # them.
        self._first, self._second, self.features = (
            torch.empty(
                shape,
                dtype=kind,
                device=stem.conv.weight.device,
                memory_format=torch.channels_last,
            )
            for kind in (dtype, dtype, torch.float32)
        )

    @staticmethod
    def fits(stem: Stage) -> bool:
        """Return True if the stem is a 1×1 convolution, a sine and one residual block."""
        return stem.conv.kernel_size == (1, 1) and stem.sine and len(stem.residuals) == 1

    def __call__(
        self, embedding: Tensor, condition: Tensor, crop: FeatureCrop | None = None
    ) -> Tensor:
        """Expand 1×d×h×w to float32 1×c×(h+2)×(w+2), continued across seam and poles.

        The result is valid until the next call.

        Args:
            condition: `Architecture.time_condition` of the frame.
            crop: of the wanted features, by default all. The others, and rims wrapped from them,
                are undefined.
        """
        height, width = embedding.shape[-2:]
        if crop is None or not self.wrap:
            crop = FeatureCrop.whole((height, width))
        affines = self.bank(condition)
        for piece in crop.pieces(REACH):
            seen = embedding[(..., *piece)].to(self.dtype, memory_format=torch.channels_last)
            expanded = F.conv2d(seen, self.weight, self.bias)
            torch.sin(expanded, out=_inner(self._first)[(..., *piece)])
        for piece, hidden in self._convolved(self._first, crop.pieces(1), 0, affines[0]):
            torch.ops.aten.gelu.out(hidden, out=_inner(self._second)[(..., *piece)])
        for piece, y in self._convolved(self._second, crop.pieces(0), 1, affines[1]):
            x, out = (_inner(map)[(..., *piece)] for map in (self._first, self.features))
            torch.add(y, x, out=out)
        wrap_rim(self.features)
        return self.features

    def _convolved(
        self, padded: Tensor, pieces: Iterable[Piece], index: int, affine: ScaleAndShift
    ) -> Iterator[tuple[Piece, Tensor]]:
        """Yield each of ``pieces`` with the result of the convolution ``index`` there."""
        conv = self.convolutions[index]
        if not self.wrap:
            (whole,) = pieces
            yield whole, affine_conv(_inner(padded), conv, *affine)
            return
        wrap_rim(padded)
        weight, bias = (it.to(self.dtype) for it in fold_affine(conv, *affine)[:2])
        for piece in pieces:
            rows, columns = (slice(part.start, part.stop + 2) for part in piece)
            yield piece, F.conv2d(padded[..., rows, columns], weight, bias)


def widen(x: Tensor, padded: Tensor) -> None:
    """Fill ``padded`` with ``x`` widened by one pixel, like `pad_erp`, but in one pass."""
    _inner(padded).copy_(x)
    wrap_rim(padded)


def wrap_rim(padded: Tensor) -> None:
    """Fill the outermost pixels of N×C×(H+2)×(W+2) from the inner ones, like `pad_erp`."""
    inside = _inner(padded)
    half = inside.shape[-1] // 2
    padded[..., 0, 1:-1] = inside[..., 0, :].roll(half, -1)
    padded[..., -1, 1:-1] = inside[..., -1, :].roll(half, -1)
    padded[..., 0] = padded[..., -2]
    padded[..., -1] = padded[..., 1]


def _inner(padded: Tensor) -> Tensor:
    return padded[..., 1:-1, 1:-1]
