"""The paper's distortion loss (equation 2)."""

from __future__ import annotations

import math
from typing import Any

import torch
from pytorch_msssim import MS_SSIM
from torch import Tensor, nn

from nerv360.training.ms_ssim import ms_ssim_with_gradient

WINDOW = 11
HALVINGS = 4


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

    λ is the ``balance``. Pictures are N×3×H×W in [0, 1]; everything is computed in float32. The
    originals get no gradient.
    """

    def __init__(self, height: int, width: int, balance: float = 60.0, alpha: float = 0.7) -> None:
        super().__init__()
        self.ms_ssim = ms_ssim_module(height, width)
        self.window = ms_ssim_window(height, width)
        self.balance = balance
        self.alpha = alpha

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        decoded, original = decoded.float(), original.detach().float()
        if decoded.device.type == "cpu":
            known: Tensor = _Known.apply(  # type: ignore[no-untyped-call]
                decoded, *self._with_gradient(decoded, original)
            )
            return known
        error = decoded - original
        structure: Tensor = 1 - self.ms_ssim(decoded, original)
        pixels = self.alpha * error.abs().mean() + (1 - self.alpha) * structure
        return fourier_l1(error) + self.balance * pixels

    @torch.no_grad()
    def _with_gradient(self, decoded: Tensor, original: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient; autograd would pass over the pictures more often."""
        structure, gradient = ms_ssim_with_gradient(decoded, original, self.window)
        error = decoded - original
        frequencies, spectrum = _spectral_l1(error)
        of_pixels, of_structure = self.balance * self.alpha, self.balance * (1 - self.alpha)
        value = frequencies + of_pixels * error.abs().mean() + of_structure * (1 - structure)
        gradient.mul_(-of_structure).add_(_spectral_gradient(spectrum, error.shape))
        return value, gradient.add_(error.sign_(), alpha=of_pixels / error.numel())


class _Known(torch.autograd.Function):
    """A scalar of a picture whose gradient is known."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None


def fourier_l1(error: Tensor) -> Tensor:
    """Return the mean absolute real and imaginary part of the 2-D Fourier transform of N×C×H×W.

    The transform is unnormalised and linear, so that one transform of the difference suffices. Half
    the spectrum of a real picture suffices too: its inner columns count twice.
    """
    mean: Tensor = _FourierL1.apply(error)  # type: ignore[no-untyped-call]
    return mean


class _FourierL1(torch.autograd.Function):
    """Value and gradient of `fourier_l1`; autograd would transform the whole spectrum back."""

    @staticmethod
    def forward(ctx: Any, error: Tensor) -> Tensor:
        value, spectrum = _spectral_l1(error)
        ctx.size = error.shape
        ctx.save_for_backward(spectrum)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (spectrum,) = ctx.saved_tensors
        return _spectral_gradient(spectrum, ctx.size).mul_(gradients[0])


def _spectral_l1(error: Tensor) -> tuple[Tensor, Tensor]:
    """Return `fourier_l1` and the half spectrum."""
    spectrum = torch.fft.rfft2(error)
    parts = torch.view_as_real(spectrum)
    total = 2 * parts.abs().sum() - parts[..., 0, :].abs().sum()
    if error.shape[-1] % 2 == 0:
        total = total - parts[..., -1, :].abs().sum()
    return total / (2 * error.numel()), spectrum


def _spectral_gradient(spectrum: Tensor, size: torch.Size) -> Tensor:
    """Return the gradient of `fourier_l1` for a difference of this size."""
    signs = torch.view_as_complex(torch.view_as_real(spectrum).sign())
    # irfft2 divides by the pixels, and counts the inner columns twice as the value does.
    back = torch.fft.irfft2(signs, s=size[-2:])
    return back.div_(2 * math.prod(size[:-2]))
