"""Engines that are measured, and those that cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nerv360.lab.benchmarks import engine_speed
from nerv360.lab.benchmarks.engine_speed import (
    EngineFailure,
    EngineResult,
    engines_for,
    measure_engines,
    random_decoder,
    try_engine,
)
from nerv360.networks import count_flops, count_traffic
from nerv360.scene import Scene
from tests.support.scenes import CONFIGS, over_still, over_still_scene, tiny_scene


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_a_random_decoder_over_a_still_panorama_is_measured(name: str) -> None:
    decoder = random_decoder(over_still(CONFIGS[name]))
    cpu = torch.device("cpu")
    row = try_engine(engines_for(decoder, cpu)["eager"], "eager", name, decoder, cpu, 3)
    assert isinstance(row, EngineResult)
    plain = count_flops(CONFIGS[name])
    assert plain < row.flops < 1.1 * plain
    assert row.traffic_bytes > count_traffic(CONFIGS[name], 4)


@pytest.mark.slow
@pytest.mark.parametrize("scene", [tiny_scene, over_still_scene])
def test_on_a_gpu_every_engine_has_its_row(scene: Callable[..., Scene]) -> None:
    decoders = scene("nerv360", "hnerv").decoders
    openers = {n: engines_for(d, torch.device("cuda")) for n, d in decoders.items()}
    assert list(openers["nerv360"]) == ["eager", "folded", "compiled", "fused", "gl"]
    assert list(openers["hnerv"]) == ["eager", "folded", "compiled", "gl"]
    for engine, opener in openers["nerv360"].items():
        row = try_engine(opener, engine, "nerv360", decoders["nerv360"], torch.device("cuda"), 3)
        assert torch.cuda.is_available() or isinstance(row, EngineFailure)
        assert row.engine == engine


def test_compiled_engines_are_measured_before_others_take_cudnns_plans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoders = tiny_scene("nerv360", "hnerv").decoders
    measured: list[tuple[str, str]] = []

    def note(opener: object, engine: str, name: str, *rest: object) -> EngineFailure:
        measured.append((name, engine))
        return EngineFailure(name, engine, "cuda", "not measured here")

    monkeypatch.setattr(engine_speed, "try_engine", note)
    rows = measure_engines(decoders, torch.device("cuda"), 3, lambda done, total: None)
    first = [("nerv360", "compiled"), ("nerv360", "fused"), ("hnerv", "compiled")]
    assert measured[:3] == first
    assert [(row.decoder, row.engine) for row in rows] == [
        (name, engine)
        for name, decoder in decoders.items()
        for engine in engines_for(decoder, torch.device("cuda"))
    ]
