"""An engine without a network: pictures of a sphere whose colours are a formula."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import torch
from torch import Tensor

from nerv360.decoding.engine import Picture
from nerv360.geometry import (
    Look,
    angles_to_directions,
    directions_to_angles,
    erp_angles,
    viewport_directions,
)


def sphere_colour(directions: Tensor, frame: int = 0) -> Tensor:
    """Smooth colours 0 to 255, …×3, of world directions …×3; another pattern for each frame."""
    unit = directions / directions.norm(dim=-1, keepdim=True)
    longitude, latitude = directions_to_angles(unit)
    x, y, z = unit.unbind(-1)
    phase = 0.7 * frame
    red = 0.5 + 0.35 * torch.sin(4 * x + 2 * z + phase) + 0.1 * torch.cos(9 * y)
    green = 0.5 + 0.35 * torch.cos(3 * z - 2 * y + phase) + 0.1 * torch.sin(8 * x)
    blue = (
        0.5 + 0.3 * torch.sin(5 * y + 3 * x * z) + 0.1 * latitude.cos() * torch.cos(6 * longitude)
    )
    return torch.stack([red, green, blue], -1).clamp(0, 1) * 255


def rgba(colours: Tensor) -> Tensor:
    """Colours h×w×3 as h×w×4 uint8 with alpha 255."""
    alpha = torch.full((*colours.shape[:2], 1), 255.0)
    return torch.cat([colours, alpha], -1).round().to(torch.uint8).contiguous()


def sphere_viewport(look: Look, height: int, width: int, frame: int = 0) -> Tensor:
    """Return the sphere as ``look`` sees it, height×width×3, 0 to 255."""
    return sphere_colour(viewport_directions(look, height, width), frame)


def sphere_panorama(height: int, width: int, frame: int = 0) -> Tensor:
    """Return the sphere as an equirectangular picture, height×width×3, 0 to 255."""
    longitude, latitude = erp_angles(height, width)
    grid_latitude, grid_longitude = torch.meshgrid(latitude, longitude, indexing="ij")
    return sphere_colour(angles_to_directions(grid_longitude, grid_latitude), frame)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of colours 0 to 255."""
    error = float((a.double() - b.double()).square().mean())
    return 10 * math.log10(255**2 / max(error, 1e-9))


class FakeEngine:
    """Decodes the formula; slow or broken on demand.

    Attributes:
        requests: looks and frames asked for, in order.
        gate: where given, each decode waits for one permit.
        failure: raises what it returns for a frame, where that is not None.
    """

    def __init__(
        self,
        size: tuple[int, int] = (90, 160),
        *,
        name: str = "fake",
        hfov_range_deg: tuple[float, float] = (60.0, 120.0),
        full_frame: bool = False,
        frames: int = 10,
        ring: int = 3,
        delay: float = 0.0,
        gate: threading.Semaphore | None = None,
        failure: Callable[[int], Exception | None] = lambda frame: None,
    ) -> None:
        self.name = name
        self.device = torch.device("cpu")
        self.size = size
        self.hfov_range: tuple[float, float] = tuple(math.radians(v) for v in hfov_range_deg)  # type: ignore[assignment]
        self.full_frame = full_frame
        self.ring = ring
        self.precision = torch.float32
        self.still: torch.Tensor | None = None
        self.frames = frames
        self.delay = delay
        self.gate = gate
        self.failure = failure
        self.requests: list[tuple[Look, int]] = []

    def decode(self, look: Look, frame: int) -> Picture:
        """Return the formula's picture."""
        started = time.perf_counter()
        self.requests.append((look, frame))
        if self.gate is not None:
            # A test that has failed releases nothing any more, and its window waits to be closed.
            assert self.gate.acquire(timeout=120), "no permit came"
        if not 0 <= frame < self.frames:
            raise IndexError(f"there is no frame {frame}")
        error = self.failure(frame)
        if error is not None:
            raise error
        time.sleep(self.delay)
        if self.full_frame:
            pixels, look = rgba(sphere_panorama(*self.size, frame)), Look()
        else:
            low, high = self.hfov_range
            look = Look(look.yaw, look.pitch, 0.0, min(max(look.hfov, low), high))
            pixels = rgba(sphere_viewport(look, *self.size, frame))
        return Picture(pixels, look, frame, self.full_frame, time.perf_counter() - started)
