"""The metrics equal independent computations, and the viewport cut an independent cut."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import py360convert
import pytest
import torch
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from nerv360.geometry import Look, vertical_fov
from nerv360.metrics.similarity import (
    cut_viewport,
    decibels,
    mean_square,
    ms_ssim,
    psnr_8bit,
    ws_psnr,
)
from tests.support.spheres import smooth_sphere

Array = npt.NDArray[np.float64]


def pair(seed: int, height: int, width: int, noise: float) -> tuple[Tensor, Tensor]:
    """Return a structured uint8 picture and a disturbed one."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [
        np.sin(x / (7 + c) + y / 11) * 80 + 128 + (x // 16 + y // 16) % 2 * 30 for c in range(3)
    ]
    clean = np.stack(planes, -1)
    noisy = clean + rng.normal(0, noise, clean.shape)
    a, b = (np.clip(p, 0, 255).astype(np.uint8) for p in (clean, noisy))
    return torch.from_numpy(a), torch.from_numpy(b)


@pytest.mark.parametrize(("seed", "noise"), [(0, 1.0), (1, 8.0), (2, 60.0)])
def test_psnr_is_scikit_images(seed: int, noise: float) -> None:
    a, b = pair(seed, 90, 160, noise)
    wanted = peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=255)
    assert psnr_8bit(a, b) == pytest.approx(wanted, abs=1e-4)
    floats = a.float() / 255, b.float() / 255
    assert psnr_8bit(*floats) == pytest.approx(wanted, abs=1e-4)
    assert psnr_8bit(a, floats[1]) == pytest.approx(wanted, abs=1e-4)
    assert psnr_8bit(a, a) == 100


def test_psnr_is_of_the_picture_that_a_display_shows() -> None:
    wanted = torch.full((8, 8, 3), 100.0) / 255
    nearly = wanted + 0.4 / 255
    assert psnr_8bit(nearly, wanted) == 100
    assert psnr_8bit(wanted, nearly) == pytest.approx(20 * math.log10(255 / 0.4), abs=1e-3)


def reference_ms_ssim(a: Array, b: Array) -> float:
    """Wang, Simoncelli and Bovik 2003, one channel in [0, 1], written out with numpy and scipy."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    x = np.arange(11) - 5
    window = np.exp(-(x**2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(image: Array) -> Array:
        for axis in (0, 1):
            image = correlate1d(image, window, axis=axis)
        return image[5:-5, 5:-5]

    factors = []
    for scale in range(5):
        mean_a, mean_b = blur(a), blur(b)
        var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
        covariance = blur(a * b) - mean_a * mean_b
        structure = (2 * covariance + 0.03**2) / (var_a + var_b + 0.03**2)
        light = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        factors.append((structure * light if scale == 4 else structure).mean())
        a, b = (i.reshape(i.shape[0] // 2, 2, i.shape[1] // 2, 2).mean((1, 3)) for i in (a, b))
    return float(np.prod(np.maximum(factors, 0) ** weights))


@pytest.mark.parametrize("noise", [2.0, 20.0])
def test_ms_ssim_is_the_papers(noise: float) -> None:
    a, b = pair(3, 192, 320, noise)
    channels = [
        reference_ms_ssim(a[..., c].numpy() / 255.0, b[..., c].numpy() / 255.0) for c in range(3)
    ]
    assert ms_ssim(a, b) == pytest.approx(np.mean(channels), abs=1e-5)
    assert ms_ssim(a, a) == pytest.approx(1, abs=1e-6)


def test_ws_psnr_weights_rows_by_their_area() -> None:
    a, b = pair(4, 64, 128, 10.0)
    j = np.arange(64)
    weight = np.cos((j + 0.5 - 32) * np.pi / 64)[:, None, None] * np.ones(a.shape)
    error = (a.numpy().astype(float) - b.numpy().astype(float)) ** 2
    wanted = 10 * np.log10(255**2 / ((error * weight).sum() / weight.sum()))
    assert ws_psnr(a, b) == pytest.approx(wanted, abs=1e-4)
    at_pole, at_equator = a.clone(), a.clone()
    at_pole[0], at_equator[32] = 0, 0
    assert ws_psnr(a, at_pole) > ws_psnr(a, at_equator) + 10


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    a, b = pair(5, 64, 128, 1.0)
    for metric in (psnr_8bit, ms_ssim, ws_psnr):
        with pytest.raises(ValueError, match="must have the same shape"):
            metric(a, b[:32])
    with pytest.raises(ValueError, match="sides of 161"):
        ms_ssim(a, b)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 10), (-120, -35), (178, 5), (60, 80)])
def test_the_viewport_cut_is_py360converts(yaw: float, pitch: float) -> None:
    """Centres of the outermost pixels are on py360convert's border, and half a pixel inside ours.

    Its fields of view are taken so that both have their centres in one place. Its fixed-point
    interpolation (1/32 pixel) explains the tolerance.
    """
    frame = smooth_sphere(256, 512)
    height, width = 90, 160
    look = Look.from_degrees(yaw, pitch)
    vfov = vertical_fov(look.hfov, height, width)
    fov = [
        math.degrees(2 * math.atan(math.tan(angle / 2) * (1 - 1 / side)))
        for angle, side in ((look.hfov, width), (vfov, height))
    ]
    cut = cut_viewport(frame, look, height, width)
    independent = py360convert.e2p(
        frame.numpy().astype(np.float32) / 255, (fov[0], fov[1]), yaw, pitch, (height, width)
    )
    assert cut.dtype == torch.float32
    assert np.abs(cut.numpy() - independent).max() < 0.005
    assert decibels(mean_square(cut, torch.from_numpy(independent))) > 60
