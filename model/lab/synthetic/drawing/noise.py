"""Lattice noise from an integer hash: stateless and the same on every machine."""

from __future__ import annotations

import torch
from torch import Tensor

_X, _Y, _SEED = 374761393, 668265263, 362437


def _scramble(h: Tensor) -> Tensor:
    # The hash relies on int32 products wrapping around.
    h = h ^ (h >> 15)
    h.mul_(1274126177)
    h.bitwise_xor_(h >> 13).mul_(461845907)
    h.bitwise_xor_(h >> 16).bitwise_and_(0xFFFF)
    return h.float().mul_(1 / 65535.0)


def hash01(x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
    """Hash every pair of whole coordinates (integer-valued floats) to a number in [0, 1]."""
    return _scramble(x.int() * _X + y.int() * _Y + (seed * _SEED + 1013))


def value_noise(x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
    """Return smooth noise in [0, 1] with features one unit wide."""
    x0, y0 = x.floor(), y.floor()
    fx, fy = x - x0, y - y0
    u, v = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    corner = x0.int().mul_(_X).add_(y0.int().mul_(_Y)).add_(seed * _SEED + 1013)
    low = torch.lerp(_scramble(corner), _scramble(corner + _X), u)
    corner += _Y
    high = torch.lerp(_scramble(corner), _scramble(corner + _X), u)
    return torch.lerp(low, high, v)


def fbm(
    x: Tensor, y: Tensor, octaves: int, seed: int = 0, footprint: Tensor | None = None
) -> Tensor:
    """Return fractal noise in [0, 1], centred on 0.5.

    Args:
        footprint: size of one sample, in units of ``x``. Finer octaves fade to their mean, so that
            distant texture does not flicker.
    """
    total = torch.zeros_like(x)
    weight, norm = 0.5, 0.0
    for octave in range(octaves):
        layer = value_noise(x, y, seed + octave * 17)
        if footprint is not None:
            keep = (1.0 - footprint * 2.0**octave).clamp(0.0, 1.0)
            layer = 0.5 + (layer - 0.5) * keep
        total = total + layer * weight
        norm += weight
        weight *= 0.5
        # A rotation between octaves hides the lattice.
        x, y = x * 1.6 + y * 1.2 + 7.3, y * 1.6 - x * 1.2 + 3.1
    return total / norm


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    """Return 0 below ``low``, 1 above ``high``, smooth in between."""
    t = ((x - low) / (high - low)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
