"""MS-SSIM for training on CPUs: the published value in less time, its gradient written out.

The published MS-SSIM blurs five maps at each scale, each by grouped convolutions of three channels,
and autograd keeps and revisits every intermediate map. Here all maps of a scale are blurred at
once, the two variances as their sum, because the contrast term needs only that.

CPUs blur three channels as slowly as sixteen. So a picture is cut into five strips of columns side
by side in the channels: 15 channels and one that stays zero. Strips overlap by the window's margin.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang et al., 2003)."""
SIGMA = 1.5
"""Standard deviation of the Gaussian window, pixels."""
_LUMINANCE = 0.01**2
_CONTRAST = 0.03**2
_STRIPS = 5
_LANES = 16


class TrainingMSSSIM(nn.Module):
    """Mean MS-SSIM of N×3×H×W pictures in [0, 1] to their originals, a scalar.

    The originals get no gradient.
    """

    def __init__(self, window: int) -> None:
        """Create it with a Gaussian window of an odd side in pixels.

        With a window of 11, pictures must be wider and higher than 160 pixels.
        """
        super().__init__()
        distance = torch.arange(window, dtype=torch.float64) - window // 2
        gaussian = torch.exp(-distance.square() / (2 * SIGMA**2))
        kernel: Tensor = (gaussian / gaussian.sum()).float()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, picture: Tensor, original: Tensor) -> Tensor:
        kernel = cast(Tensor, self.kernel)
        x, y = (
            p.float().contiguous(memory_format=torch.channels_last)
            for p in (picture, original.detach())
        )
        terms = []
        for scale, weight in enumerate(WEIGHTS):
            last = scale == len(WEIGHTS) - 1
            term = _ScaleTerm.apply(x, y, kernel, last)  # type: ignore[no-untyped-call]
            terms.append(torch.relu(term) ** weight)
            if not last:
                x, y = _halved(x), _halved(y)
        return torch.stack(terms).prod(0).mean()


class _ScaleTerm(torch.autograd.Function):
    """Contrast and structure of one scale, times luminance at the last: N×3 means over pixels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, kernel: Tensor, luminance: bool) -> Tensor:
        strips = _Strips(x.shape, len(kernel) - 1)
        maps = strips.empty(x, 4)
        strips.fill(maps[0], x)
        strips.fill(maps[1], y)
        torch.mul(maps[0], maps[0], out=maps[2]).addcmul_(maps[1], maps[1])
        torch.mul(maps[0], maps[1], out=maps[3])
        mean_x, mean_y, squares, product = _blurred(maps, kernel)
        means = (mean_x * mean_x).addcmul_(mean_y, mean_y)
        mean_product = mean_x * mean_y
        covariance = product.sub_(mean_product).mul_(2).add_(_CONTRAST)
        variances = squares.sub_(means).add_(_CONTRAST)
        structure = strips.clear(covariance.div_(variances))
        ctx.save_for_backward(maps[:2], kernel, mean_x, mean_y, variances, structure)
        ctx.strips, ctx.luminance = strips, luminance
        if not luminance:
            return strips.mean(structure)
        return strips.mean(structure * (2 * mean_product + _LUMINANCE) / (means + _LUMINANCE))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        pictures, kernel, mean_x, mean_y, variances, structure = ctx.saved_tensors
        strips: _Strips = ctx.strips
        share = strips.share(gradients[0])
        to_mean: Tensor | None = None
        if ctx.luminance:
            sum_of_squares = mean_x * mean_x + mean_y * mean_y + _LUMINANCE
            light = (2 * mean_x * mean_y + _LUMINANCE) / sum_of_squares
            to_mean = share * structure * 2 * (mean_y - light * mean_x) / sum_of_squares
            share = share * light
        # Derivatives of structure = covariance / variances.
        maps = torch.empty_like(mean_x[None].expand(3, *mean_x.shape).contiguous())
        of_means, to_variances, to_covariance = maps
        strips.clear(to_covariance.copy_(share).div_(variances))
        torch.mul(structure, to_covariance, out=to_variances).neg_()
        torch.mul(mean_y, to_covariance, out=of_means).addcmul_(mean_x, to_variances).mul_(-2)
        if to_mean is not None:
            of_means.add_(to_mean)
        to_covariance.mul_(2)
        # The window is symmetric, so the transpose of a blur is a blur with a margin.
        to_x, to_squares, to_product = _blurred(maps, kernel, len(kernel) - 1)
        to_x.addcmul_(pictures[0], to_squares, value=2).addcmul_(pictures[1], to_product)
        return strips.joined(to_x), None, None, None


class _Strips:
    """Pictures of one shape cut into strips; maps of them are …×N×height×width×`_LANES`."""

    def __init__(self, shape: torch.Size, margin: int) -> None:
        """Create it for N×3×H×W; each strip is wider than its blurred one by ``margin``."""
        self.count, _, self.height, self.columns = shape
        self.margin = margin
        self.valid = self.columns - margin
        self.width = -(-self.valid // _STRIPS)

    def empty(self, like: Tensor, maps: int) -> Tensor:
        """Allocate ``maps`` maps before their blur."""
        size = (maps, self.count, self.height, self.width + self.margin, _LANES)
        return torch.empty(size, dtype=like.dtype, device=like.device)

    def fill(self, into: Tensor, picture: Tensor) -> None:
        """Write N×3×H×W into a map, with zeros beyond its last column."""
        rows = picture.permute(0, 2, 3, 1)
        into[..., 3 * _STRIPS :] = 0
        for strip in range(_STRIPS):
            first = strip * self.width
            part = rows[:, :, first : first + self.width + self.margin]
            lanes = into[..., 3 * strip : 3 * strip + 3]
            lanes[:, :, : part.shape[2]] = part
            lanes[:, :, part.shape[2] :] = 0

    def joined(self, map_: Tensor) -> Tensor:
        """Add up the strips of a map before its blur, N×3×H×W: the transpose of `fill`."""
        size = (self.count, self.height, self.columns, 3)
        rows = torch.zeros(size, dtype=map_.dtype, device=map_.device)
        for strip in range(_STRIPS):
            first = strip * self.width
            part = rows[:, :, first : first + self.width + self.margin]
            part += map_[:, :, : part.shape[2], 3 * strip : 3 * strip + 3]
        return rows.permute(0, 3, 1, 2)

    def clear(self, blurred: Tensor) -> Tensor:
        """Set a blurred map to zero beyond the picture's last column, in place."""
        for strip in range(_STRIPS):
            inside = max(0, self.valid - strip * self.width)
            if inside < self.width:
                blurred[:, :, inside:, 3 * strip : 3 * strip + 3] = 0
        return blurred

    def mean(self, blurred: Tensor) -> Tensor:
        """Average a blurred map over the picture's pixels, N×3."""
        sums = blurred.sum((1, 2))[:, : 3 * _STRIPS].view(self.count, _STRIPS, 3).sum(1)
        return sums / self._pixels

    def share(self, gradient: Tensor) -> Tensor:
        """Return a pixel's gradient, N×1×1×lanes, for a gradient N×3 of `mean`."""
        lanes = F.pad(gradient.repeat(1, _STRIPS), (0, _LANES - 3 * _STRIPS))
        return (lanes / self._pixels)[:, None, None]

    @property
    def _pixels(self) -> int:
        return (self.height - self.margin) * self.valid


def _blurred(maps: Tensor, kernel: Tensor, padding: int = 0) -> Tensor:
    """Blur maps M×N×h×w×lanes wherever the window fits in them and ``padding`` zeros around."""
    vertical = kernel.view(1, 1, -1, 1).expand(_LANES, 1, -1, 1)
    images = maps.flatten(0, 1).permute(0, 3, 1, 2)
    wide = F.conv2d(images, vertical.transpose(2, 3), padding=(0, padding), groups=_LANES)
    blurred = F.conv2d(wide, vertical, padding=(padding, 0), groups=_LANES)
    return blurred.permute(0, 2, 3, 1).view(*maps.shape[:2], *blurred.shape[2:], _LANES)


class _Halved(torch.autograd.Function):
    """Means of 2×2 pixels of N×C×H×W with even sides; torch's pooling takes ten times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = x[:, :, ::2] + x[:, :, 1::2]
        return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return F.interpolate(gradients[0] * 0.25, scale_factor=2.0)


def _halved(x: Tensor) -> Tensor:
    """Halve N×C×H×W; an odd side gets a row or column of zeros first, as published."""
    padding = [side % 2 for side in x.shape[-2:]]
    if any(padding):
        return F.avg_pool2d(x, 2, padding=padding)
    half: Tensor = _Halved.apply(x)  # type: ignore[no-untyped-call]
    return half
