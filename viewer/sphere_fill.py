"""A small picture of the whole sphere, put together from square looks one at a time."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.decoding.protocol import Engine
from model.geometry import Look, angles_to_directions, erp_angles

FILL_SIZE = (512, 1024)
_FEATHER = 0.12
_FIT = 0.97


def sphere_directions(height: int, width: int) -> Tensor:
    """Unit world directions of an equirectangular picture's pixel centres, (height·width)×3."""
    longitude, latitude = erp_angles(height, width)
    grid_latitude, grid_longitude = torch.meshgrid(latitude, longitude, indexing="ij")
    return angles_to_directions(grid_longitude, grid_latitude).reshape(-1, 3)


def project(look: Look, aspect: float, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Where a picture of ``look`` shows world directions.

    Args:
        look: with its horizontal field of view.
        aspect: the picture's width over its height.
        directions: n×3.

    Returns:
        n×2 coordinates for `grid_sample` (±1 are the borders), and n booleans: it does.
    """
    camera = directions @ torch.as_tensor(look.rotation(), dtype=directions.dtype)
    tangent = math.tan(look.hfov / 2)
    depth = camera[:, 2].clamp_min(1e-6)
    plane = torch.stack(
        [camera[:, 0] / depth / tangent, -camera[:, 1] / depth / tangent * aspect], -1
    )
    return plane, (camera[:, 2] > 0) & (plane.abs().amax(-1) <= 1)


def covering_looks(hfov: float, aspect: float) -> list[Look]:
    """The fewest looks of one field of view that show the whole sphere between them: both poles
    and rings of them in between; the faces of a cube where 90° and a little are to be had.

    Raises:
        ValueError: the field of view is so narrow that it would take hundreds.
    """
    directions = sphere_directions(48, 96)
    fitted = 2 * math.atan(_FIT * math.tan(hfov / 2))
    poles = [Look(0.0, p * math.pi / 2, 0.0, hfov) for p in (1, -1)]
    best: list[Look] | None = None
    for rings, around in itertools.product(range(1, 7), range(4, 24)):
        looks = list(poles)
        for ring in range(rings):
            pitch = ((ring + 1) / (rings + 1) - 0.5) * math.pi
            count = max(3, math.ceil(around * math.cos(pitch)))
            looks += [Look(2 * math.pi * i / count, pitch, 0.0, hfov) for i in range(count)]
        if best is not None and len(looks) >= len(best):
            continue
        seen = torch.zeros(len(directions), dtype=torch.bool)
        for look in looks:
            narrower = Look(look.yaw, look.pitch, 0.0, fitted)
            seen |= project(narrower, aspect, directions)[1]
        if seen.all():
            best = looks
    if best is None:
        raise ValueError(f"a field of view of {math.degrees(hfov):.0f}° is too narrow for a sphere")
    return best


@dataclass
class _Part:
    """One look's share of the canvas."""

    look: Look
    pixels: Tensor  # indices into the canvas, n
    grid: Tensor  # where the look's picture shows them, 1×1×n×2
    weight: Tensor  # n×1; all parts' weights add up to 1 everywhere
    shown: Tensor  # n×4, what the part has put on the canvas
    frame: int | None = None


class SphereFill:
    """An equirectangular canvas that a small engine brings up to date part by part.

    Attributes:
        cost: seconds that the latest step took.
    """

    def __init__(self, engine: Engine, size: tuple[int, int] = FILL_SIZE) -> None:
        """Plan the looks; nothing is decoded yet.

        Args:
            engine: decodes them; small, and nothing else uses it.
            size: height and width of the canvas.

        Raises:
            ValueError: the engine's field of view is too narrow.
        """
        self._engine = engine
        self._size = size
        self._device = engine.device
        self.cost = 0.0
        height, width = engine.size
        hfov = min(engine.hfov_range[1], math.radians(100.0))
        hfov = max(hfov, engine.hfov_range[0])
        directions = sphere_directions(*size)
        self._parts = []
        total = torch.zeros(len(directions), 1)
        for look in covering_looks(hfov, width / height):
            plane, inside = project(look, width / height, directions)
            pixels = inside.nonzero()[:, 0]
            depth = (1 - plane[pixels].abs().amax(-1)) / _FEATHER
            weight = depth.clamp(1e-3, 1.0)[:, None]
            total[pixels] += weight
            grid = plane[pixels][None, None]
            self._parts.append(_Part(look, pixels, grid, weight, torch.zeros(len(pixels), 4)))
        for part in self._parts:
            part.weight = (part.weight / total[part.pixels]).to(self._device)
            part.pixels, part.grid = part.pixels.to(self._device), part.grid.to(self._device)
            part.shown = part.shown.to(self._device)
        self._canvas = torch.zeros(len(directions), 4, device=self._device)

    @property
    def parts(self) -> int:
        """How many looks it takes."""
        return len(self._parts)

    def stale(self, frame: int) -> bool:
        """Some part of the canvas shows another frame than ``frame``, or none."""
        return any(part.frame != frame for part in self._parts)

    def step(self, frame: int, look: Look) -> None:
        """Decode one more part: one that shows nothing yet, else the one longest unseen; of equals
        the one nearest to where ``look`` looks.

        Raises:
            IndexError, RuntimeError: as `Engine.decode`.
        """
        started = time.perf_counter()
        forward = torch.as_tensor(look.rotation()[:, 2])

        def urgency(part: _Part) -> tuple[float, float]:
            age = math.inf if part.frame is None else float(abs(part.frame - frame))
            return age, float(torch.as_tensor(part.look.rotation()[:, 2]) @ forward)

        part = max((p for p in self._parts if p.frame != frame), key=urgency)
        picture = self._engine.decode(part.look, frame)
        colours = F.grid_sample(
            picture.pixels.permute(2, 0, 1)[None].float(),
            part.grid,
            padding_mode="border",
            align_corners=False,
        )[0, :, 0].T
        shown = colours * part.weight
        self._canvas.index_add_(0, part.pixels, shown - part.shown)
        part.shown, part.frame = shown, frame
        self.cost = time.perf_counter() - started

    def pixels(self) -> Tensor:
        """The canvas, height×width×4 uint8 on the CPU, premultiplied RGBA: alpha says how much of
        each pixel has been decoded yet."""
        rounded = self._canvas.round().clamp(0, 255).to(torch.uint8)
        return rounded.view(*self._size, 4).cpu()
