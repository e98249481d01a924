"""Looks for decoders: level, within the trained fields of view, as tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import Look


def hfov_range(config: ModelConfig) -> tuple[float, float]:
    """Return the narrowest and widest horizontal field of view of the training, radians."""
    hfov = Look.from_degrees(0, 0, 0, config.hfov_deg).hfov
    return hfov * (1 - config.hfov_jitter), hfov * (1 + config.hfov_jitter)


def decoded_look(look: Look, limits: tuple[float, float]) -> Look:
    """Return the look to decode for a requested one.

    It is level, with its field of view within ``limits``, radians. Roll and zoom are re-projections
    of the decoded picture by the display.
    """
    return Look(look.yaw, look.pitch, 0.0, min(max(look.hfov, limits[0]), limits[1]))


def look_tensor(look: Look, device: torch.device | str = "cpu") -> Tensor:
    """Return float64 1×4 of yaw, pitch, roll and horizontal field of view, radians."""
    return torch.tensor([look.angles], dtype=torch.float64, device=device)
