"""Finer embeddings and the still panorama, in every engine of the CPU and in what is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nerv360.decoding import open_engine
from nerv360.decoding.alpha import cell_means
from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.rendering import render_sphere, render_view
from nerv360.scene import Scene, read_scene, write_scene
from tests.support.scenes import CONFIGS, over_still_scene, shown

LOOKS = [Look.from_degrees(*it) for it in ((0, 0), (178, -3), (60, 88), (-90, -60))]


@pytest.mark.parametrize("name", CONFIGS)
def test_folded_shows_what_eager_shows(name: str) -> None:
    scene = over_still_scene(name)
    eager, folded = (open_engine(scene, name, "cpu", kind=kind) for kind in ("eager", "folded"))
    alphas = set()
    for frame, look in enumerate((*LOOKS, LOOKS[-1])):
        first = eager.decode(look, frame % 3).pixels.int()
        second = folded.decode(look, frame % 3).pixels.int()
        assert int((shown(first) - shown(second)).abs().max()) <= 2
        alphas |= set(first[..., 3].flatten().tolist())
    assert len(alphas) > 20, "alpha is neither shut nor open everywhere"


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", ["eager", "folded"])
def test_the_frames_before_leave_no_trace(name: str, kind: str) -> None:
    scene = over_still_scene(name)
    engine = open_engine(scene, name, "cpu", kind=kind)
    for index, frame in enumerate((0, 0, 1, 2, 2, 0)):
        look = LOOKS[index % len(LOOKS)]
        pixels = engine.decode(look, frame).pixels.int()
        alone = open_engine(scene, name, "cpu", kind=kind).decode(look, frame).pixels.int()
        assert float((shown(pixels) - shown(alone)).abs().max()) <= 1


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", ["eager", "folded"])
def test_each_embedding_counts(name: str, kind: str) -> None:
    scene = over_still_scene(name)
    decoder = scene.decoders[name]
    other = replace(decoder, finer=tuple(level + 1 for level in decoder.finer))
    changed = replace(scene, decoders={name: other})
    first, second = (
        open_engine(each, name, "cpu", kind=kind).decode(LOOKS[0], 1).pixels[..., :3].int()
        for each in (scene, changed)
    )
    assert float((first - second).abs().float().mean()) > 0.5


@pytest.mark.parametrize("look", LOOKS)
def test_a_view_is_composited_at_its_own_resolution(look: Look) -> None:
    scene = over_still_scene()
    engine = open_engine(scene, "nerv360", "cpu", kind="eager")
    height, width = engine.size
    pixels = engine.decode(look, 1).pixels.float() / 255
    alpha = pixels[..., 3:]
    still = sample_erp(_planes(scene), viewport_directions(look, height, width))[0]
    wanted = (alpha * pixels[..., :3] + (1 - alpha) * still.permute(1, 2, 0)) * 255
    shown = render_view(engine, look, 1, height, width)
    assert float((shown.float() - wanted).abs().max()) <= 1
    larger = render_view(engine, replace(look, hfov=0.4), 1, 8 * height, 8 * width)
    assert larger.shape == (8 * height, 8 * width, 3)


def test_a_decoder_that_shows_the_still_leaves_it_as_it_is() -> None:
    scene = over_still_scene("hnerv")
    decoder = scene.decoders["hnerv"]
    weights = {k: torch.zeros_like(v) for k, v in decoder.weights.items()}
    weights["coverage.sharpness"] += 1
    weights["coverage.threshold"] += 100  # nothing is another thing
    scene = replace(scene, decoders={"hnerv": replace(decoder, weights=weights)})
    engine = open_engine(scene, "hnerv", "cpu", kind="folded")
    assert scene.still is not None
    shown = render_sphere(engine, 0, *scene.still.pixels.shape[:2])
    assert int((shown.int() - scene.still.pixels.int()).abs().max()) <= 1


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    scene, path = over_still_scene(name), tmp_path / "s.safetensors"
    write_scene(path, scene, embedding_bits=32)
    again = read_scene(path, name)
    assert scene.still is not None
    assert again.still is not None
    assert torch.equal(again.still.pixels, scene.still.pixels)
    for mine, stored in zip(scene.decoders[name].finer, again.decoders[name].finer, strict=True):
        assert torch.equal(mine, stored)


def _planes(scene: Scene) -> Tensor:
    assert scene.still is not None
    return scene.still.pixels.permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("cell", [1, 2, 4])
def test_means_of_cells_are_those_of_pooling(cell: int) -> None:
    picture = torch.rand(1, 4, 24, 32)
    wanted = torch.nn.functional.avg_pool2d(picture, cell)
    for layout in (torch.contiguous_format, torch.channels_last):
        means = cell_means(picture.contiguous(memory_format=layout), cell)
        assert float((means - wanted).abs().max()) < 1e-6
