"""Renderer of equirectangular pictures: still solids are drawn once, moving ones every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.lab.synthetic import water as sea
from nerv360.lab.synthetic.drawing import (
    EYE,
    FAR,
    Placed,
    ShadowMap,
    bounds_of,
    display,
    erp_rays,
    illuminate,
    through_air,
)
from nerv360.lab.synthetic.hills import Hills
from nerv360.lab.synthetic.movers import Mover, movers
from nerv360.lab.synthetic.sky import Clouds
from nerv360.lab.synthetic.town import town

SAMPLES = 3
BAND_RAYS = 1_500_000
_MIRROR_WIDTH = 2048


@dataclass(frozen=True)
class _Patch:
    """Part of the supersampled picture that one mover can cover."""

    mover: Mover
    top: int
    left: int
    still: Tensor


class HarbourTown:
    """The animated scene at one size.

    Args:
        width, height: of the pictures in pixels, 2:1.
        device: to compute on.
        band_rays: number of rays in memory at a time; does not change the picture.
        progress: called with the finished share of the still picture, 0 to 1.
    """

    def __init__(
        self,
        width: int,
        height: int,
        device: torch.device | str = "cpu",
        band_rays: int = BAND_RAYS,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        self._width, self._height = width, height
        self._device = torch.device(device)
        self._fine = (height * SAMPLES, width * SAMPLES)
        self._rows = max(1, band_rays // (width * SAMPLES * SAMPLES))
        self._solids = town()
        self._shadows = ShadowMap(self._solids, self._device, _fineness(width, 3072))
        self._clouds = Clouds(self._device, _fineness(width, 1536))
        self._hills = Hills(width * SAMPLES, self._device)
        self._still = torch.empty(3, height, width, device=self._device)
        self._water = torch.empty(height, width, device=self._device)
        self._sky = torch.empty(height, width, device=self._device)
        reach = torch.full((width * SAMPLES,), FAR, device=self._device)
        for top in range(0, height, self._rows):
            self._still_band(top, min(top + self._rows, height), reach)
            progress(min(1.0, (top + self._rows) / height))
        self._sea = sea.Water(self._mirror(), reach.reshape(width, SAMPLES).amin(1).clamp_max(4000))
        self._patches = [patch for mover in movers() for patch in self._patches_of(mover)]

    def frame(self, phase: float) -> Tensor:
        """Draw the picture at a phase of the loop, 0 to 1: uint8 height×width×3, on the device."""
        phase %= 1.0
        picture = self._still.clone()
        for top in range(0, self._height, self._rows * SAMPLES):
            bottom = min(top + self._rows * SAMPLES, self._height)
            d = erp_rays(top, bottom, self._height, self._width, self._device)
            band = picture[:, top:bottom]
            for share, paint in ((self._water, self._paint_water), (self._sky, self._clouds.over)):
                part = share[top:bottom]
                j, i = part.nonzero(as_tuple=True)
                if j.numel():
                    band[:, j, i] += paint(d[:, j, i], phase) * part[j, i]
        for patch in self._patches:
            self._composite(picture, patch, phase)
        picture.clamp_(0, 1).mul_(255).add_(0.5)
        return picture.to(torch.uint8).permute(1, 2, 0).contiguous()

    def _paint_water(self, d: Tensor, phase: float) -> Tensor:
        return self._sea.seen(d, phase, math.pi / self._height)

    def _still_band(self, top: int, bottom: int, reach: Tensor) -> None:
        d = self._fine_rays(top, bottom, 0, self._width)
        depth, owner = self._trace(self._solids, d, top * SAMPLES, 0)
        picture = self._shade(self._solids, d, depth, owner)
        sea_depth = _water_depth(d)
        wet = sea_depth < depth
        depth = torch.minimum(depth, sea_depth)
        flat = d.reshape(3, -1)
        low = (d[1] < 0.45) & (depth > 300.0)
        index = low.reshape(-1).nonzero()[:, 0]
        if index.numel():
            column = index % d.shape[2]
            far, colours = self._hills.behind(flat[:, index], column, depth.reshape(-1)[index])
            hit = far < FAR
            picture.view(3, -1)[:, index[hit]] = colours[:, hit]
            depth.view(-1)[index[hit]] = far[hit]
            wet.view(-1)[index[hit]] = False
        band = (d[1] > 0.004) & (d[1] < 0.05) & (depth < FAR)
        level = torch.where(band, depth * torch.hypot(d[0], d[2]), FAR)
        torch.minimum(reach, level.amin(0), out=reach)
        rows = slice(top, bottom)
        air = depth >= FAR
        self._still[:, rows] = _pool(picture * ~(wet | air))
        self._water[rows] = _pool(wet.float()[None])[0]
        self._sky[rows] = _pool(air.float()[None])[0]

    def _trace(
        self, solids: Sequence[Placed], d: Tensor, top: int, left: int
    ) -> tuple[Tensor, Tensor]:
        """Return distance and solid index (−1 for none) of the nearest hits in a fine block."""
        rows, columns = d.shape[1:]
        depth = torch.full((rows, columns), FAR, device=d.device)
        owner = torch.full((rows, columns), -1, dtype=torch.int16, device=d.device)
        eye = torch.tensor(EYE, device=d.device)[:, None]
        for index, placed in enumerate(solids):
            for r, c in _overlaps(placed, self._fine, top, left, rows, columns):
                block = d[:, r, c]
                o, local = placed.to_local(eye, block.reshape(3, -1))
                t = placed.solid.hit(o, local).reshape(block.shape[1:])
                nearer = t < depth[r, c]
                depth[r, c] = torch.where(nearer, t, depth[r, c])
                owner[r, c] = torch.where(nearer, index, owner[r, c].int()).to(torch.int16)
        return depth, owner

    def _shade(self, solids: Sequence[Placed], d: Tensor, depth: Tensor, owner: Tensor) -> Tensor:
        """Return display values 3×rows×columns of the hits; black elsewhere."""
        picture = torch.zeros_like(d)
        flat_d, flat_t, flat = d.reshape(3, -1), depth.reshape(-1), picture.view(3, -1)
        eye = torch.tensor(EYE, device=d.device)[:, None]
        hits = (owner.reshape(-1) >= 0).nonzero()[:, 0]
        hit_owner, order = torch.sort(owner.reshape(-1)[hits].int(), stable=True)
        places = hits[order]
        counts = torch.bincount(hit_owner, minlength=len(solids)).tolist()
        start = 0
        for placed, count in zip(solids, counts, strict=True):
            if count:
                index = places[start : start + count]
                start += count
                ray, t = flat_d[:, index], flat_t[index]
                o, local = placed.to_local(eye, ray)
                p = o + local * t
                n_local, n = placed.normals(p)
                slant = (ray * n).sum(0).abs().clamp_min(0.05).sqrt()
                size = t * (1.4 * math.pi / self._fine[0]) / slant
                surface = placed.paint(p, n_local, size)
                lit = self._shadows.lit(eye + ray * t, n)
                light = illuminate(surface.albedo, n, lit)
                if surface.glow is not None:
                    light = light + surface.glow
                flat[:, index] = display(through_air(light, ray, t))
        return picture

    def _mirror(self) -> Tensor:
        """Draw the still scene and sky, small, for reflections in the water."""
        height = min(self._height, _MIRROR_WIDTH // 2)
        d = erp_rays(0, height, height, height * 2, self._device).reshape(3, -1)
        sky = self._clouds.over(d, 0.0).reshape(1, 3, height, height * 2)
        size = (height, height * 2)
        still = F.interpolate(self._still[None], size, mode="area")
        gap = F.interpolate((self._sky + self._water)[None, None], size, mode="area")
        return still + sky * gap

    def _patches_of(self, mover: Mover) -> Iterator[_Patch]:
        bounds = bounds_of(mover.centre, mover.radius, self._height, self._width)
        for first, last in bounds.columns:
            step = max(1, self._rows * self._width // (last - first))
            for top in range(bounds.top, bounds.bottom, step):
                bottom = min(top + step, bounds.bottom)
                rays = self._fine_rays(top, bottom, first, last)
                still, _ = self._trace(self._solids, rays, top * SAMPLES, first * SAMPLES)
                yield _Patch(mover, top, first, torch.minimum(still, _water_depth(rays)))

    def _fine_rays(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Return the directions of the samples of a block of pixels."""
        top, bottom, left, right = (side * SAMPLES for side in (top, bottom, left, right))
        return erp_rays(top, bottom, *self._fine, self._device, left, right)

    def _composite(self, picture: Tensor, patch: _Patch, phase: float) -> None:
        solids = patch.mover.at(phase)
        top, left = patch.top, patch.left
        bottom, right = (
            begin + fine // SAMPLES
            for begin, fine in zip((top, left), patch.still.shape, strict=True)
        )
        rays = self._fine_rays(top, bottom, left, right)
        depth, owner = self._trace(solids, rays, top * SAMPLES, left * SAMPLES)
        seen = depth < patch.still
        owner = torch.where(seen, owner.int(), -1)
        colours = _pool(self._shade(solids, rays, depth, owner))
        cover = _pool(seen.float()[None])
        picture[:, top:bottom, left:right].mul_(1 - cover).add_(colours)


def _fineness(width: int, most: int) -> int:
    """Return the side of a grid fine enough for pictures of this width."""
    return min(most, most * max(width, 256) // 2048)


def _pool(fine: Tensor) -> Tensor:
    """Average the samples of each pixel."""
    return F.avg_pool2d(fine[None], SAMPLES)[0]


def _water_depth(d: Tensor) -> Tensor:
    drop = EYE[1] - sea.LEVEL
    return torch.where(d[1] < -1e-6, drop / (-d[1]).clamp_min(1e-6), FAR)


def _overlaps(
    placed: Placed, fine: tuple[int, int], top: int, left: int, rows: int, columns: int
) -> Iterator[tuple[slice, slice]]:
    """Yield the parts of a block in which a solid can be seen."""
    bounds = bounds_of(*placed.sphere, *fine)
    low, high = max(bounds.top - top, 0), min(bounds.bottom - top, rows)
    if low >= high:
        return
    for first, last in bounds.columns:
        begin, end = max(first - left, 0), min(last - left, columns)
        if begin < end:
            yield slice(low, high), slice(begin, end)
