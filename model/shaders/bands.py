"""Bands of a plan: the rows of every map that are drawn together, to save memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from nerv360.shaders.drawing import Drawing
from nerv360.shaders.limits import Limits, need
from nerv360.shaders.plan import Band, Kind, Map, Moment


def in_bands(
    drawing: Drawing, size: tuple[int, int], scale: int, limits: Limits
) -> tuple[tuple[Band, ...], Mapping[str, Map]]:
    """Divide a picture of ``size`` into as few bands as the limits allow.

    Args:
        scale: rows of the picture per row of the first features.

    Returns:
        The bands, and the maps: banded maps are as high as the highest band.

    Raises:
        LimitError: even a single row needs textures that are too high.
    """
    rows = size[0] // scale
    for count in range(1, rows + 1):
        edges = [rows * k // count * scale for k in range(count + 1)]
        bands = tuple(_band(drawing, span) for span in pairwise(edges))
        maps = {
            name: replace(map_, height=_highest(bands, name)) if map_.banded else map_
            for name, map_ in drawing.maps.items()
        }
        banded = [map_ for map_ in maps.values() if map_.banded]
        held = sum(map_.bytes for map_ in banded)
        highest = max(map_.height for map_ in banded)
        if held <= limits.map_bytes and highest <= limits.side:
            break
    need("pixels along a texture's side", highest, limits.side)
    return bands, maps


def _highest(bands: tuple[Band, ...], name: str) -> int:
    return max(end - first for first, end in (band.rows[name] for band in bands))


def _band(drawing: Drawing, rows: tuple[int, int]) -> Band:
    """Find the rows of every map needed for ``rows`` of the picture, pass by pass backwards."""
    needed: dict[str, tuple[int, int]] = {}
    every = list(zip(drawing.passes, drawing.reaches, strict=True))
    for done, reaches in reversed(every):
        if done.moment is not Moment.BAND:
            continue
        if drawing.maps[done.target].kind is Kind.BYTES:
            needed[done.target] = rows
        first, end = needed[done.target]
        for reach in reaches:
            if not drawing.maps[reach.map].banded:
                continue
            above, below = max(first - reach.rows, 0), min(end + reach.rows, done.height)
            span = (above // reach.stride, -(-below // reach.stride))
            known = needed.get(reach.map, span)
            needed[reach.map] = (min(known[0], span[0]), max(known[1], span[1]))
    return Band(needed)
