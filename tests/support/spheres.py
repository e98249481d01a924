"""Known spheres to look at, and an engine that shows them without any network."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.decoding.engine import Picture
from nerv360.geometry import DEFAULT_HFOV, Look, angles_to_directions, erp_angles
from nerv360.metrics.similarity import cut_viewport


def smooth_sphere(height: int, width: int, phase: float = 0.0) -> Tensor:
    """Return an ERP frame, uint8, whose colours are smooth everywhere, at seam and poles too."""
    longitude, latitude = erp_angles(height, width)
    grid = torch.meshgrid(latitude, longitude, indexing="ij")
    x, y, z = angles_to_directions(grid[1], grid[0]).unbind(-1)
    planes = (
        torch.sin(4 * x + 2 * y * z + phase),
        torch.cos(5 * y - 3 * z),
        torch.sin(6 * z + x * y),
    )
    return ((torch.stack(planes, -1) * 0.4 + 0.5) * 255).round().byte()


class SphereEngine:
    """Shows given ERP frames as a viewport engine would, or whole where ``full_frame`` is set."""

    name = "sphere"
    ring = 1
    precision = torch.float32
    still: Tensor | None = None

    def __init__(
        self,
        frames: list[Tensor],
        size: tuple[int, int] = (72, 128),
        full_frame: bool = False,
        hfov_range: tuple[float, float] = (DEFAULT_HFOV, DEFAULT_HFOV),
    ) -> None:
        self.frames, self.full_frame = frames, full_frame
        height, width, _ = frames[0].shape
        self.size = (height, width) if full_frame else size
        self.device = torch.device("cpu")
        self.hfov_range = hfov_range
        self.decoded: list[Look] = []

    def decode(self, look: Look, frame: int) -> Picture:
        if not 0 <= frame < len(self.frames):
            raise IndexError(frame)
        low, high = self.hfov_range
        level = Look(look.yaw, look.pitch, 0.0, min(max(look.hfov, low), high))
        self.decoded.append(level)
        if self.full_frame:
            colours, shown = self.frames[frame], Look()
        else:
            cut = cut_viewport(self.frames[frame], level, *self.size)
            colours, shown = (cut * 255).round().byte(), level
        alpha = torch.full((*colours.shape[:2], 1), 255, dtype=torch.uint8)
        return Picture(torch.cat([colours, alpha], -1), shown, frame, self.full_frame, 0.001)
