"""The paper's distortion loss (equation 2)."""

from __future__ import annotations

import torch
from pytorch_msssim import MS_SSIM
from torch import Tensor, nn

from model.training.ms_ssim import TrainingMSSSIM

WINDOW = 11
HALVINGS = 4


class _PlanarMsSsim(MS_SSIM):  # type: ignore[misc]
    """MS-SSIM of pictures in any memory format.

    In channels-last its filters, one a channel, meet a slow path of cuDNN. The CPU's convolutions
    are the faster for it, half the time, and take pictures as they come.
    """

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if x.device.type != "cpu":
            x, y = x.contiguous(), y.contiguous()
        similarity: Tensor = super().forward(x, y)
        return similarity


def ms_ssim_module(height: int, width: int) -> MS_SSIM:
    """MS-SSIM of RGB pictures in [0, 1]; pictures of 160 pixels or less, too small for its window
    at five scales, get a smaller window.
    """
    return _PlanarMsSsim(data_range=1.0, channel=3, win_size=ms_ssim_window(height, width))


def ms_ssim_window(height: int, width: int) -> int:
    """Side in pixels of the window that fits pictures of this size at the coarsest scale, 11 at
    most.
    """
    fits = (min(height, width) - 1) // 2**HALVINGS + 1
    return max(1, min(WINDOW, fits - (fits + 1) % 2))


class DistortionLoss(nn.Module):
    """L1 of the Fourier transforms + λ·α·L1 + λ·(1 − α)·(1 − MS-SSIM), a scalar.

    Pictures are N×3×H×W in [0, 1]; everything is computed in float32.
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
    """Mean absolute real and imaginary part of the 2-D Fourier transform of N×C×H×W, unnormalised.

    The transform is linear, so that one transform of the difference does, and of a real picture
    half the spectrum says it all: its inner columns count twice.
    """
    spectrum = torch.view_as_real(torch.fft.rfft2(error)).abs()
    width = error.shape[-1]
    weight = torch.full((spectrum.shape[-2],), 2.0, device=error.device)
    weight[0] = 1.0
    if width % 2 == 0:
        weight[-1] = 1.0
    return (spectrum * weight[:, None]).sum() / (2 * error.numel())
