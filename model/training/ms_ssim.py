"""MS-SSIM for training on CPUs: the published value in less time, and its gradient with it.

The published MS-SSIM blurs five maps at each scale, each by grouped convolutions of three channels,
and autograd keeps and revisits every intermediate map. Here all maps of a scale are blurred at
once, the two variances as their sum, because the contrast term needs only that. Value and gradient
are computed together, in bands of rows, so that a band's maps stay in the processor's cache.

CPUs blur three channels as slowly as sixteen. So a picture is cut into five strips of columns side
by side in the channels: 15 channels and one that stays zero. Strips overlap by the window's margin.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang et al., 2003)."""
SIGMA = 1.5
"""Standard deviation of the Gaussian window, pixels."""
_LUMINANCE = 0.01**2
_CONTRAST = 0.03**2
_STRIPS = 5
_LANES = 16
_BAND = 216
"""Rows of a band, at most."""


@torch.no_grad()
def ms_ssim_with_gradient(picture: Tensor, original: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return the mean MS-SSIM of pictures to their originals, a scalar, and its gradient.

    Args:
        picture: N×3×H×W in [0, 1], float32; the gradient is its own.
        original: of the same shape.
        window: side of the Gaussian window in pixels, odd. With 11, pictures must be wider and
            higher than 160 pixels.
    """
    x, y = (p.contiguous(memory_format=torch.channels_last) for p in (picture, original))
    kernel = _gaussian(window)
    sizes, terms, gradients = [], [], []
    for scale in range(len(WEIGHTS)):
        if scale > 0:
            x, y = _halved(x), _halved(y)
        sizes.append(x.shape[-2:])
        term, gradient = _scale_term(x, y, kernel, luminance=scale == len(WEIGHTS) - 1)
        terms.append(term)
        gradients.append(gradient)
    stacked, weights = torch.stack(terms), torch.tensor(WEIGHTS)[:, None, None]
    products = (torch.relu(stacked) ** weights).prod(0)
    shares = torch.where(stacked > 0, weights * products / stacked, 0.0) / products.numel()
    total = gradients[-1] * shares[-1][..., None, None]
    for size, gradient, share in zip(
        reversed(sizes[:-1]), reversed(gradients[:-1]), reversed(shares[:-1]), strict=True
    ):
        # Each of 2×2 pixels has a quarter of their mean's gradient.
        double = F.interpolate(total.mul_(0.25), scale_factor=2.0)
        double = double[..., size[0] % 2 :, size[1] % 2 :]
        total = torch.addcmul(double, gradient, share[..., None, None])
    return products.mean(), total


@functools.lru_cache(maxsize=8)
def _gaussian(window: int) -> Tensor:
    distance = torch.arange(window, dtype=torch.float64) - window // 2
    gaussian = torch.exp(-distance.square() / (2 * SIGMA**2))
    return (gaussian / gaussian.sum()).float()


def _halved(x: Tensor) -> Tensor:
    """Halve N×C×H×W; an odd side gets a row or column of zeros first, as published.

    torch's pooling takes ten times as long.
    """
    height, width = (side % 2 for side in x.shape[-2:])
    if height or width:
        x = F.pad(x, (width, 0, height, 0))
    rows = x[:, :, ::2] + x[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def _scale_term(x: Tensor, y: Tensor, kernel: Tensor, *, luminance: bool) -> tuple[Tensor, Tensor]:
    """Return a scale's contrast and structure, N×3 means over pixels, and the gradient of each.

    Args:
        luminance: multiply by the luminance term, as at the last scale.
    """
    margin = len(kernel) - 1
    count, _, height, columns = x.shape
    rows, strips = height - margin, _Strips(height, columns, margin)
    band = -(-rows // -(-rows // _BAND))
    maps = x.new_zeros(4, count, band + margin, strips.width + margin, _LANES)
    means = x.new_zeros(count, _LANES)
    gradient = x.new_zeros(count, height, columns, 3)
    for top in range(0, rows, band):
        bottom = min(top + band, rows) + margin
        inside = maps[:, :, : bottom - top]
        for lanes, picture in zip(inside[:2], (x, y), strict=True):
            for part, pixels in strips.pairs(lanes, picture.permute(0, 2, 3, 1)[:, top:bottom]):
                part.copy_(pixels)
        sums, to_x = _band_term(inside, kernel, strips.share, luminance=luminance)
        means += sums
        for part, pixels in strips.pairs(to_x, gradient[:, top:bottom]):
            pixels += part
    means = means[:, : 3 * _STRIPS].view(count, _STRIPS, 3).sum(1)
    return means, gradient.permute(0, 3, 1, 2)


def _band_term(
    maps: Tensor, kernel: Tensor, share: Tensor, *, luminance: bool
) -> tuple[Tensor, Tensor]:
    """Return a band's part of `_scale_term`: means N×lanes, and the gradient N×h×w×lanes.

    Args:
        maps: 4×N×h×w×lanes; the first two are the pictures, the others are overwritten.
        share: of a pixel in the mean, w'×lanes.
    """
    x, y = maps[:2]
    torch.mul(x, x, out=maps[2]).addcmul_(y, y)
    torch.mul(x, y, out=maps[3])
    mean_x, mean_y, squares, product = _blurred(maps, kernel)
    mean_product = mean_x * mean_y
    mean_squares = (mean_x * mean_x).addcmul_(mean_y, mean_y)
    variances = squares.sub_(mean_squares).add_(_CONTRAST)
    structure = product.sub_(mean_product).mul_(2).add_(_CONTRAST).div_(variances)
    back = x.new_empty(3, *mean_x.shape)
    of_means, to_variances, to_covariance = back
    value, weight = structure, share
    to_mean: Tensor | None = None
    if luminance:
        mean_squares.add_(_LUMINANCE)
        light = mean_product.mul_(2).add_(_LUMINANCE).div_(mean_squares)
        value = structure * light
        to_mean = (mean_y - light * mean_x) * structure / mean_squares * (2 * share)
        weight = light * share
    # Derivatives of structure = covariance / variances.
    torch.div(weight, variances, out=to_covariance)
    torch.mul(structure, to_covariance, out=to_variances).neg_()
    torch.mul(mean_y, to_covariance, out=of_means).addcmul_(mean_x, to_variances).mul_(-2)
    if to_mean is not None:
        of_means.add_(to_mean)
    to_covariance.mul_(2)
    # The window is symmetric, so the transpose of a blur is a blur with a margin.
    to_x, to_squares, to_product = _blurred(back, kernel, len(kernel) - 1)
    means = (value.sum(1) * share).sum(1)
    return means, to_x.addcmul_(x, to_squares, value=2).addcmul_(y, to_product)


class _Strips:
    """Pictures of one size cut into strips; maps of them are N×height×width×`_LANES`.

    Attributes:
        width: of a strip after the blur; before, it is wider by the margin.
        share: of a pixel in a mean over the picture after the blur, width×lanes.
    """

    def __init__(self, height: int, columns: int, margin: int) -> None:
        valid = columns - margin
        self.width = -(-valid // _STRIPS)
        self._wide = self.width + margin
        lanes = torch.arange(_LANES)
        column = torch.arange(self.width)[:, None] + lanes // 3 * self.width
        inside = (column < valid) & (lanes < 3 * _STRIPS)
        self.share = inside.float() / ((height - margin) * valid)

    def pairs(self, map_: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each strip of a map before its blur, and its pixels of N×height×columns×3."""
        for strip in range(_STRIPS):
            pixels = rows[:, :, strip * self.width : strip * self.width + self._wide]
            yield map_[:, :, : pixels.shape[2], 3 * strip : 3 * strip + 3], pixels


def _blurred(maps: Tensor, kernel: Tensor, padding: int = 0) -> Tensor:
    """Blur maps M×N×h×w×lanes wherever the window fits in them and ``padding`` zeros around."""
    vertical = kernel.view(1, 1, -1, 1).expand(_LANES, 1, -1, 1)
    images = maps.flatten(0, 1).permute(0, 3, 1, 2)
    wide = F.conv2d(images, vertical.transpose(2, 3), padding=(0, padding), groups=_LANES)
    blurred = F.conv2d(wide, vertical, padding=(padding, 0), groups=_LANES)
    return blurred.permute(0, 2, 3, 1).view(*maps.shape[:2], *blurred.shape[2:], _LANES)
