"""Engines that are measured, and those that cannot be."""

from __future__ import annotations

import pytest
import torch

from model.benchmarks.engine_speed import EngineFailure, engines_for, try_engine
from tests.support.scenes import tiny_scene


@pytest.mark.slow
def test_on_a_gpu_every_engine_has_its_row() -> None:
    decoders = tiny_scene("nerv360", "hnerv").decoders
    openers = {n: engines_for(d, torch.device("cuda")) for n, d in decoders.items()}
    assert list(openers["nerv360"]) == ["eager", "folded", "compiled", "fused"]
    assert list(openers["hnerv"]) == ["eager", "folded", "compiled"]
    for engine, opener in openers["nerv360"].items():
        row = try_engine(opener, engine, "nerv360", decoders["nerv360"], torch.device("cuda"), 3)
        assert torch.cuda.is_available() or isinstance(row, EngineFailure)
        assert row.engine == engine
