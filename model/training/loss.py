"""The paper's distortion loss (equation 2), with MS-SSIM in a third of the time on CPUs.

The published MS-SSIM blurs five maps at each scale, each by grouped convolutions of three channels,
and autograd keeps and revisits every intermediate map. `TrainingMSSSIM` has the same value. It
blurs all maps of a scale by one depthwise convolution, the two variances as their sum, because the
contrast term needs only that, and its gradient is written out.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from pytorch_msssim import MS_SSIM
from torch import Tensor, nn

WINDOW = 11
HALVINGS = 4
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang et al., 2003)."""
SIGMA = 1.5
"""Standard deviation of the Gaussian window, pixels."""
_LUMINANCE = 0.01**2
_CONTRAST = 0.03**2


class _PlanarMsSsim(MS_SSIM):  # type: ignore[misc]
    """MS-SSIM of pictures in any memory format.

    With channels-last its filters, one per channel, hit a slow path of cuDNN. On the CPU
    channels-last takes half the time.
    """

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if x.device.type != "cpu":
            x, y = x.contiguous(), y.contiguous()
        similarity: Tensor = super().forward(x, y)
        return similarity


def ms_ssim_module(height: int, width: int) -> MS_SSIM:
    """Return MS-SSIM for RGB pictures in [0, 1] of this size.

    Pictures with a side of 160 pixels or less get a smaller window, to fit five scales.
    """
    return _PlanarMsSsim(data_range=1.0, channel=3, win_size=ms_ssim_window(height, width))


def ms_ssim_window(height: int, width: int) -> int:
    """Return the side in pixels of the window that fits at the coarsest scale, at most 11."""
    fits = (min(height, width) - 1) // 2**HALVINGS + 1
    return max(1, min(WINDOW, fits - (fits + 1) % 2))


class DistortionLoss(nn.Module):
    """Scalar loss of equation 2: L1 of the Fourier transforms + λ·α·L1 + λ·(1 − α)·(1 − MS-SSIM).

    λ is the ``balance``. Pictures are N×3×H×W in [0, 1]; everything is computed in float32.
    """

    def __init__(self, height: int, width: int, balance: float = 60.0, alpha: float = 0.7) -> None:
        super().__init__()
        self.ms_ssim = ms_ssim_module(height, width)
        self.ms_ssim_on_cpu = TrainingMSSSIM(ms_ssim_window(height, width))
        self.balance = balance
        self.alpha = alpha

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        decoded, original = decoded.float(), original.float()
        error = decoded - original
        on_cpu = decoded.device.type == "cpu"
        ms_ssim = self.ms_ssim_on_cpu if on_cpu else self.ms_ssim
        structure: Tensor = 1 - ms_ssim(decoded, original)
        pixels = self.alpha * error.abs().mean() + (1 - self.alpha) * structure
        return fourier_l1(error) + self.balance * pixels


def fourier_l1(error: Tensor) -> Tensor:
    """Return the mean absolute real and imaginary part of the 2-D Fourier transform of N×C×H×W.

    The transform is unnormalised and linear, so that one transform of the difference suffices. Half
    the spectrum of a real picture suffices too: its inner columns count twice.
    """
    spectrum = torch.view_as_real(torch.fft.rfft2(error)).abs()
    width = error.shape[-1]
    weight = torch.full((spectrum.shape[-2],), 2.0, device=error.device)
    weight[0] = 1.0
    if width % 2 == 0:
        weight[-1] = 1.0
    return (spectrum * weight[:, None]).sum() / (2 * error.numel())


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
            p.float().contiguous(memory_format=torch.channels_last) for p in (picture, original)
        )
        terms = []
        for scale, weight in enumerate(WEIGHTS):
            last = scale == len(WEIGHTS) - 1
            term = _ScaleTerm.apply(x, y.detach(), kernel, last)  # type: ignore[no-untyped-call]
            terms.append(torch.relu(term) ** weight)
            if not last:
                padding = [side % 2 for side in x.shape[-2:]]
                x, y = (F.avg_pool2d(p, 2, padding=padding) for p in (x, y))
        return torch.stack(terms).prod(0).mean()


class _ScaleTerm(torch.autograd.Function):
    """Contrast and structure of one scale, times luminance at the last: N×3 means over pixels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, kernel: Tensor, luminance: bool) -> Tensor:
        maps = torch.cat([x, y, (x * x).addcmul_(y, y), x * y], 1)
        mean_x, mean_y, squares, product = _blurred(maps, kernel).chunk(4, 1)
        means = (mean_x * mean_x).addcmul_(mean_y, mean_y)
        mean_product = mean_x * mean_y
        covariance = (product - mean_product).mul_(2).add_(_CONTRAST)
        variances = (squares - means).add_(_CONTRAST)
        structure = covariance / variances
        light = (2 * mean_product + _LUMINANCE) / (means + _LUMINANCE) if luminance else None
        ctx.save_for_backward(x, y, kernel, mean_x, mean_y, variances, structure)
        ctx.luminance = luminance
        return (structure if light is None else structure * light).mean((2, 3))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        x, y, kernel, mean_x, mean_y, variances, structure = ctx.saved_tensors
        height, width = structure.shape[-2:]
        share = gradients[0][..., None, None] / (height * width)
        to_mean: Tensor | float = 0.0
        if ctx.luminance:
            sum_of_squares = mean_x * mean_x + mean_y * mean_y + _LUMINANCE
            light = (2 * mean_x * mean_y + _LUMINANCE) / sum_of_squares
            to_mean = share * structure * 2 * (mean_y - light * mean_x) / sum_of_squares
            share = share * light
        # Derivatives of structure = covariance / variances.
        to_covariance = share / variances
        to_variances = -structure * to_covariance
        of_means = torch.addcmul(mean_y * to_covariance, mean_x, to_variances)
        maps = torch.cat([to_mean - 2 * of_means, to_variances, 2 * to_covariance], 1)
        to_x, to_squares, to_product = _spread(maps, kernel).chunk(3, 1)
        to_x = to_x.addcmul(x, to_squares, value=2).addcmul_(y, to_product)
        return to_x, None, None, None


def _blurred(maps: Tensor, kernel: Tensor) -> Tensor:
    """Blur every channel of N×C×H×W wherever the window fits, channels-last."""
    vertical, horizontal = _kernels(maps, kernel)
    groups = maps.shape[1]
    return F.conv2d(F.conv2d(maps, vertical, groups=groups), horizontal, groups=groups)


def _spread(maps: Tensor, kernel: Tensor) -> Tensor:
    """Apply the transpose of `_blurred`: the window is symmetric, so it is a blur with a margin."""
    vertical, horizontal = _kernels(maps, kernel)
    groups, margin = maps.shape[1], len(kernel) - 1
    wide = F.conv2d(maps, horizontal, padding=(0, margin), groups=groups)
    return F.conv2d(wide, vertical, padding=(margin, 0), groups=groups)


def _kernels(maps: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    channels = maps.shape[1]
    vertical = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return vertical, vertical.transpose(2, 3)
