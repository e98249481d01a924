"""Tiles: what moves is decoded exactly as in a whole picture, and the rest is not decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from nerv360.config import DEMO, ModelConfig
from nerv360.decoding import TurnTaking, open_engine, tile_bytes, timed_pictures
from nerv360.decoding.folded.tiles import TileMap, Tiles
from nerv360.geometry import Look
from nerv360.scene import Attribution, Scene
from tests.support.scenes import decoder_over_still

SMALL = DEMO.replace(
    frame_height=256,
    frame_width=512,
    channels=8,
    reduction=1.2,
    min_width=4,
    width_multiple=1,
    condition_channels=4,
    encoding_levels=4,
    viewport_height=136,
    viewport_width=200,
)
CASES = {
    "before": SMALL,
    "after 1": SMALL.replace(project_after=1),
    "after all": SMALL.replace(project_after=3),
    "frame": SMALL.replace(architecture="hnerv", kernels=(1, 3, 5), blocks=(0, 0, 0)),
    "frame that wraps": SMALL.replace(architecture="hnerv-boost"),
    "no blocks": SMALL.replace(kernels=(1, 3, 3), blocks=(0, 0, 0)),
}
LOOKS = [Look.from_degrees(*it) for it in ((0, 0), (180, -3), (60, 88), (-90, -70))]
PLACES = ((0, 0), (180, 5), (-175, -4), (50, 84), (-100, -86), (179, 80), (-179, -80))
"""Yaw and pitch of what moves, degrees."""
BORDERS = ((-38, 0), (38, 3), (2, 28), (-3, -28), (-37, 23), (37, -23))
"""The same at the borders of a look straight ahead."""


def scene(config: ModelConfig, motion: Tensor) -> Scene:
    """Return one frame over a still panorama; everything that is drawn there shows."""
    decoder = decoder_over_still(config, 1)
    decoder.weights["coverage.threshold"].fill_(-20.0)
    assert decoder.still is not None
    decoder.still.motion = motion[None]
    size = (config.frame_width, config.frame_height)
    attribution = Attribution("Pier", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(attribution, *size, 30.0, 1, {config.architecture: decoder})


def moving(
    config: ModelConfig, share: float = 0.0, places: tuple[tuple[int, int], ...] = PLACES
) -> Tensor:
    """Return a motion map: one cell at each of ``places``, and a share of all others."""
    rows, columns = config.frame_height // 8, config.frame_width // 8
    generator = torch.Generator().manual_seed(0)
    motion = (torch.rand(rows, columns, generator=generator) < share).to(torch.uint8) * 255
    for yaw, pitch in places:
        row = int((0.5 - pitch / 180) * rows)
        motion[row, int((yaw / 360 + 0.5) * columns) % columns] = 255
    return motion


def decibels(first: Tensor, second: Tensor) -> float:
    """Compare where alpha is open; alpha counts as a colour."""
    seen = (first[..., 3] > 0) | (second[..., 3] > 0)
    error = (first[seen].double() - second[seen].double()).square().mean()
    return 10 * math.log10(255**2 / max(float(error), 1e-9))


@contextmanager
def created() -> Iterator[list[TileMap]]:
    """Yield a list to which every map that is created is added."""
    maps, create = list[TileMap](), TileMap.__init__

    def noted(self: TileMap, *given: Any) -> None:
        create(self, *given)
        maps.append(self)

    with patch.object(TileMap, "__init__", noted):
        yield maps


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [1, 2])
def test_tiles_of_any_size_are_written_and_read(side: int, channels: int) -> None:
    tiles = Tiles(torch.tensor([2]), torch.tensor([4]), (side, side), (6, 8))
    there = TileMap(channels, tiles.size, 1, torch.float32)
    values = torch.rand(1, channels, side, side)
    for layout in (torch.contiguous_format, torch.channels_last):
        there.put(tiles, values.contiguous(memory_format=layout))
        assert torch.equal(there.cut(tiles), values)
        assert there.pixels.count_nonzero() == values.numel()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("look", LOOKS)
def test_tiles_are_those_of_the_whole_picture(name: str, look: Look) -> None:
    config = CASES[name]
    opened = scene(config, moving(config))
    eager, folded = (open_engine(opened, device="cpu", kind=kind) for kind in ("eager", "folded"))
    whole, tiles = eager.decode(look, 0), folded.decode(look, 0)
    assert whole.share == 1
    assert 0 < tiles.share < 0.75
    assert float((tiles.pixels[..., 3] > 0).float().mean()) > 0.003
    assert decibels(tiles.pixels, whole.pixels) > 60
    assert int(whole.pixels[..., 3].max()) > 100


@pytest.mark.parametrize("name", ["before", "after 1", "after all"])
@pytest.mark.parametrize("place", BORDERS)
def test_so_they_are_at_the_pictures_border(name: str, place: tuple[int, int]) -> None:
    config = CASES[name]
    opened = scene(config, moving(config, places=(place,)))
    eager, folded = (open_engine(opened, device="cpu", kind=kind) for kind in ("eager", "folded"))
    whole, tiles = eager.decode(LOOKS[0], 0), folded.decode(LOOKS[0], 0)
    assert 0 < tiles.share < 0.75
    assert decibels(tiles.pixels, whole.pixels) > 60


@pytest.mark.parametrize("name", CASES)
def test_without_motion_nothing_is_decoded_and_with_much_everything(name: str) -> None:
    config = CASES[name]
    still = scene(config, torch.zeros_like(moving(config)))
    engine = open_engine(still, device="cpu", kind="folded")
    nothing = engine.decode(LOOKS[0], 0)
    assert nothing.share == 0
    assert timed_pictures(engine, [(LOOKS[0], 0)] * 2)[1] == 0
    assert int(nothing.pixels.max()) == 0
    opened = scene(config, moving(config, 0.5))
    eager, folded = (open_engine(opened, device="cpu", kind=kind) for kind in ("eager", "folded"))
    everything = folded.decode(LOOKS[0], 0)
    assert everything.share == 1
    assert decibels(everything.pixels, eager.decode(LOOKS[0], 0).pixels) > 55


@pytest.mark.parametrize("name", ["before", "after 1", "after all", "frame"])
def test_pictures_before_leave_no_trace(name: str) -> None:
    config = CASES[name]
    opened = scene(config, moving(config, 0.002))
    still = opened.decoders[config.architecture].still
    assert still is not None
    engine = open_engine(opened, device="cpu", kind="folded")
    nearby = [Look.from_degrees(*it) for it in ((3, 1), (14, 2), (170, -60), (60, 80))]
    for look in (*LOOKS, *nearby, LOOKS[0]):
        fresh = open_engine(opened, device="cpu", kind="folded")
        first, second = (each.decode(look, 0).pixels for each in (engine, fresh))
        assert int((first.int() - second.int()).abs().max()) <= 1


@pytest.mark.parametrize("name", CASES)
def test_decoders_that_take_turns_share_maps_and_leave_no_trace(name: str) -> None:
    config = CASES[name]
    scenes = [scene(config, moving(config, 0.002)), scene(config, moving(config, 0.004))]
    decoders = [each.decoder(config.architecture) for each in scenes]
    decoders[1].weights = {name: 0.8 * weight for name, weight in decoders[1].weights.items()}
    first = open_engine(scenes[0], device="cpu", kind="folded")
    assert isinstance(first, TurnTaking)
    turns = [first, first.beside(decoders[1])]
    fresh = [open_engine(each, device="cpu", kind="folded") for each in scenes]
    for look in (*LOOKS, Look.from_degrees(3, 1)):
        for index in (0, 1, 0):
            with created() as maps:
                picture = turns[index].decode(look, 0)
            assert torch.equal(picture.pixels, fresh[index].decode(look, 0).pixels)
            features = [each for each in maps if each.pixels.shape[-1] > 4]
            assert not features or (look, index) == (LOOKS[0], 0)


@pytest.mark.parametrize("name", ["before", "after 1", "after all", "no blocks after 2"])
def test_the_spheres_maps_take_the_memory_that_is_told(name: str) -> None:
    config = {**CASES, "no blocks after 2": CASES["no blocks"].replace(project_after=2)}[name]
    opened = scene(config, moving(config))
    engine = open_engine(opened, device="cpu", kind="folded")
    config = opened.decoders[config.architecture].config
    with created() as maps:
        for yaw in range(0, 360, 30):
            engine.decode(Look.from_degrees(yaw, 5), 0)
    sphere = [it for it in maps if it.size[1] == 2 * it.size[0]]
    assert sum(it.pixels.nbytes for it in sphere) == tile_bytes(config)
    larger = config.replace(frame_height=8192, frame_width=16384, channels=64)
    assert tile_bytes(larger) == 0, "features of half a gigabyte are not kept"


def test_a_map_smaller_than_a_tile_is_one_tile() -> None:
    config = SMALL.replace(viewport_height=16, viewport_width=24)
    opened = scene(config, moving(config))
    eager, folded = (open_engine(opened, device="cpu", kind=kind) for kind in ("eager", "folded"))
    looks = (Look.from_degrees(0, 0), Look.from_degrees(100, 0))
    for look in looks:
        first, second = eager.decode(look, 0), folded.decode(look, 0)
        assert second.share in (0, 1)
        if second.share:
            assert decibels(first.pixels, second.pixels) > 55
