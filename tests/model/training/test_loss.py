"""The loss is the paper's, and MS-SSIM on the CPU the published one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_msssim import MS_SSIM

from nerv360.training.loss import (
    DistortionLoss,
    fourier_l1,
    ms_ssim_module,
    ms_ssim_window,
)
from nerv360.training.ms_ssim import ms_ssim_with_gradient


def test_the_fourier_term_is_the_mean_over_the_full_spectrum() -> None:
    generator = torch.Generator().manual_seed(0)
    for width in (20, 21):
        error = torch.randn(2, 3, 12, width, generator=generator)
        spectrum = np.fft.fft2(error.numpy())
        expected = np.mean(np.abs(np.stack([spectrum.real, spectrum.imag])))
        assert fourier_l1(error).item() == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_is_equation_2() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(1, 3, 176, 192, generator=generator) for _ in range(2))
    l1 = (a - b).abs().mean()
    expected = fourier_l1(a - b) + 60 * 0.7 * l1 + 60 * 0.3 * (1 - ms_ssim_module(176, 192)(a, b))
    torch.testing.assert_close(DistortionLoss(176, 192)(a, b), expected)
    assert DistortionLoss(176, 192)(a, a).item() == pytest.approx(0.0, abs=1e-4)


def as_published(picture: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """Return equation 2 by torch's whole spectrum and the published MS-SSIM, in float64."""
    picture, original = picture.double(), original.double()
    spectrum = torch.view_as_real(torch.fft.fft2(picture) - torch.fft.fft2(original))
    structure = MS_SSIM(data_range=1.0, channel=3).double()(picture, original)
    l1 = (picture - original).abs().mean()
    return spectrum.abs().mean() + 60 * (0.7 * l1 + 0.3 * (1 - structure))


@pytest.mark.parametrize("size", [(176, 192), (181, 333), (168, 162)])
def test_the_loss_and_its_gradient_are_the_published_formulas(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    original = torch.rand(2, 3, *size, generator=generator)
    picture = (original + 0.2 * torch.randn(2, 3, *size, generator=generator)).clamp(0, 1)
    values, gradients = [], []
    for loss in (as_published, DistortionLoss(*size)):
        leaf = picture.clone().requires_grad_()
        value = loss(leaf, original)
        values.append(value.item())
        gradients.append(torch.autograd.grad(value, leaf)[0])
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    published, ours = gradients
    assert (ours - published).norm() < 1e-3 * published.norm()


@pytest.mark.parametrize(("device", "planar"), [("cpu", False), ("meta", True)])
def test_ms_ssim_gets_pictures_as_the_device_filters_them_best(
    device: str, planar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes: list[bool] = []

    def forward(_: object, *pictures: torch.Tensor) -> torch.Tensor:
        planes.extend(picture.is_contiguous() for picture in pictures)
        return pictures[0].mean()

    monkeypatch.setattr(MS_SSIM, "forward", forward)
    picture = torch.empty(1, 3, 64, 96, device=device).to(memory_format=torch.channels_last)
    ms_ssim_module(64, 96).to(device)(picture, picture)
    assert planes == [planar, planar]


@pytest.mark.parametrize("size", [(176, 192), (181, 333), (232, 163), (40, 64)])
def test_the_trainings_ms_ssim_is_the_published_one(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    original = torch.rand(2, 3, *size, generator=generator)
    picture = (original + 0.2 * torch.randn(2, 3, *size, generator=generator)).clamp(0, 1)
    leaf = picture.double().requires_grad_()
    published = ms_ssim_module(*size).double()(leaf, original.double())
    (expected,) = torch.autograd.grad(published, leaf)
    value, gradient = ms_ssim_with_gradient(picture, original, ms_ssim_window(*size))
    assert value.item() == pytest.approx(published.item(), rel=1e-5)
    assert (gradient - expected).norm() < 1e-4 * expected.norm()
