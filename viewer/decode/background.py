"""A small picture of the whole sphere, assembled from square looks one at a time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding import Engine
from nerv360.geometry import Look, erp_directions
from nerv360.reprojection import OVERLAP, covering_looks, project

BACKGROUND_SIZE = (384, 768)

MAX_LOOKS = 48
_FEATHER = 0.12
_LEAST_WEIGHT = (1 - OVERLAP) / _FEATHER  # every direction gets at least this from one look
_WIDEST = math.radians(100.0)


@dataclass
class _Part:
    """One look's part of the canvas."""

    look: Look
    pixels: Tensor  # indices into the canvas, n
    grid: Tensor  # positions in the look's picture, 1×1×n×2
    weight: Tensor  # n×1, falling towards the picture's border
    put: Tensor  # n×4, its contribution to the canvas
    frame: int | None = None


class Background:
    """An equirectangular canvas that a small engine updates part by part.

    Attributes:
        cost: seconds of the latest step.
    """

    def __init__(self, engine: Engine, size: tuple[int, int] = BACKGROUND_SIZE) -> None:
        """Plan the looks; nothing is decoded yet.

        Args:
            engine: decodes them; small, and used only here.
            size: height and width of the canvas.

        Raises:
            ValueError: the engine's field of view is too narrow.
        """
        self._engine = engine
        self._size = size
        self._directions = erp_directions(*size).reshape(-1, 3)
        low, high = engine.hfov_range
        hfov = max(min(high, _WIDEST), low)
        self._looks = list(covering_looks(hfov, *engine.size))
        if len(self._looks) > MAX_LOOKS:
            raise ValueError(
                f"it takes more than {MAX_LOOKS} views of {math.degrees(hfov):.0f}° to see a whole "
                f"sphere"
            )
        self._parts: list[_Part] = []
        # Sums of weighted colours and of weights, so that parts can change in any order.
        self._canvas = torch.zeros(len(self._directions), 4, device=engine.device)
        self.cost = 0.0

    @property
    def parts(self) -> int:
        """Number of looks."""
        return len(self._looks) + len(self._parts)

    def stale(self, frame: int) -> bool:
        """Return True if a part of the canvas shows another frame than ``frame``, or none."""
        return bool(self._looks) or any(part.frame != frame for part in self._parts)

    def step(self, frame: int, look: Look) -> None:
        """Decode one more part.

        Parts without a picture come first, in order of distance from ``look``. After them comes the
        part whose frame is furthest from ``frame``.

        Raises:
            IndexError, RuntimeError: as in `Engine.decode`.
        """
        started = time.perf_counter()
        if self._looks:
            forward = look.rotation()[:, 2]
            part = self._plan(max(self._looks, key=lambda it: it.rotation()[:, 2] @ forward))
        else:
            behind = [part for part in self._parts if part.frame != frame]
            part = max(behind, key=lambda it: abs((it.frame or 0) - frame))
        picture = self._engine.decode(part.look, frame)
        colours = F.grid_sample(
            picture.pixels.permute(2, 0, 1)[None].float(),
            part.grid,
            padding_mode="border",
            align_corners=False,
        )[0, :, 0].T
        put = torch.cat([colours[:, :3] * part.weight, part.weight], -1)
        self._canvas.index_add_(0, part.pixels, put - part.put)
        part.put, part.frame = put, frame
        if part.look in self._looks:
            self._looks.remove(part.look)
            self._parts.append(part)
        self.cost = time.perf_counter() - started

    def pixels(self) -> Tensor:
        """Return the canvas, height×width×4 uint8 on the CPU, premultiplied RGBA.

        Alpha is 0 where nothing has been decoded yet.
        """
        weight = self._canvas[:, 3:]
        alpha = (weight / _LEAST_WEIGHT).clamp(max=1.0)
        colours = self._canvas[:, :3] * (alpha / weight.clamp_min(1e-6))
        pixels = torch.cat([colours, 255 * alpha], -1).round_().clamp_(0, 255)
        return pixels.to(torch.uint8).view(*self._size, 4).cpu()

    def _plan(self, look: Look) -> _Part:
        plane, inside = project(self._directions, look, *self._engine.size)
        pixels = inside.nonzero()[:, 0]
        depth = (1 - plane[pixels].abs().amax(-1)) / _FEATHER
        device = self._engine.device
        return _Part(
            look,
            pixels.to(device),
            plane[pixels][None, None].to(device),
            depth.clamp(1e-3, 1.0)[:, None].to(device),
            torch.zeros(len(pixels), 4, device=device),
        )
