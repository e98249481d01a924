"""A scene file's decoders as the viewer sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from nerv360.geometry import Look
from nerv360.scene import Scene
from nerv360.viewer.decode.scene_source import engine_source, free_memory
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from tests.support.scenes import CONFIGS, over_still_scene, tiny_scene

CPU = torch.device("cpu")


def test_the_viewport_decoder_comes_first() -> None:
    scene = tiny_scene("hnerv-boost", "hnerv", "nerv360")
    opened = prepare_scene(scene, Path("pier.safetensors"), DeviceChoice("cpu"))
    assert opened.decoders == ("nerv360", "hnerv", "hnerv-boost")


def test_a_cost_is_what_a_picture_takes() -> None:
    scene = tiny_scene("nerv360", "hnerv")
    opened = prepare_scene(scene, Path("pier.safetensors"), DeviceChoice("cpu"))
    viewport, frame = opened.cost("nerv360"), opened.cost("hnerv")
    assert (viewport.pixels, viewport.full_frame) == (24 * 48, False)
    assert (frame.pixels, frame.full_frame) == (48 * 96, True)
    for name, cost in (("nerv360", viewport), ("hnerv", frame)):
        held = sum(tensor.nbytes for tensor in scene.decoders[name].weights.values())
        widest = 4 * cost.pixels * scene.decoders[name].config.widths[-1]
        assert held + widest < cost.peak_bytes < held + 20 * widest
    assert frame.peak_bytes > viewport.peak_bytes
    assert frame.peak_bytes < free_memory(CPU)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_cost_counts_finer_embeddings_and_the_still_panorama(name: str) -> None:
    scene = over_still_scene(name)
    decoder = scene.decoders[name]
    plain = replace(decoder, config=CONFIGS[name], finer=(), still=None)
    costs = [
        prepare_scene(
            replace(scene, decoders={name: each}), Path("pier.safetensors"), DeviceChoice("cpu")
        ).cost(name)
        for each in (decoder, plain)
    ]
    assert decoder.still is not None
    held = sum(tensor.nbytes for tensor in (*decoder.finer, decoder.still.pixels))
    assert costs[0].peak_bytes > costs[1].peak_bytes + held


@pytest.mark.parametrize("name", ["nerv360", "hnerv"])
def test_every_engine_of_a_source_decodes(name: str) -> None:
    opened = prepare_scene(
        tiny_scene("nerv360", "hnerv"), Path("pier.safetensors"), DeviceChoice("cpu")
    )
    source = opened.source(name)
    engines = [make() for make in source.engines]
    assert len({engine.name for engine in engines}) == 2
    for engine in engines:
        picture = engine.decode(Look(), 1)
        assert tuple(picture.pixels.shape) == (*engine.size, 4)
    assert source.upgrade is None, "on the CPU the first engine is the fastest"
    assert (source.background is None) == (name == "hnerv")


@pytest.mark.parametrize(
    ("device", "engine", "fallbacks", "upgrade"),
    [
        ("cuda", "auto", ["cuda eager", "cpu auto", "cpu eager"], "compiled"),
        ("cuda", "fused", ["cuda eager", "cpu auto", "cpu eager"], "fused"),
        ("cuda", "eager", ["cuda eager", "cpu auto", "cpu eager"], None),
        ("cuda", "folded", ["cuda folded", "cuda eager", "cpu auto", "cpu eager"], None),
        ("cpu", "auto", ["cpu auto", "cpu eager"], None),
        ("cpu", "folded", ["cpu folded", "cpu auto", "cpu eager"], None),
        ("cpu", "eager", ["cpu eager", "cpu auto"], None),
    ],
)
def test_what_must_be_compiled_follows_what_is_there_at_once(
    device: str, engine: str, fallbacks: list[str], upgrade: str | None
) -> None:
    opened: list[str] = []

    def note(scene: Scene, decoder: str, device: torch.device, *, kind: str) -> None:
        opened.append(f"{device.type} {kind}")

    with patch("nerv360.viewer.decode.scene_source.open_engine", note):
        source = engine_source(tiny_scene(), "nerv360", torch.device(device), engine)
        for make in source.engines:
            make()
        assert opened == fallbacks
        opened.clear()
        if source.upgrade is not None:
            source.upgrade()
    assert opened == ([f"cuda {upgrade}"] if upgrade else [])
