"""A new architecture is one module and one entry: everything else takes it from there."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.decoding import open_engine
from model.decoding.compiled.program import build_programs
from model.errors import InputError
from model.geometry import Look
from model.networks.architecture import Architecture, Layout, Stage
from model.networks.cost import count_flops, count_parameters
from model.networks.layers import ColourHead, UpsamplingBlock
from model.networks.registry import (
    ARCHITECTURES,
    architecture_of,
    build_decoder,
    checked,
    preset,
)
from model.rendering import render_view
from model.scene import read_scene, write_scene
from model.training.autoencoder import Autoencoder
from model.training.crops import reach
from tests.support.decoders import run_programs
from tests.support.scenes import CONFIGS, TINY, tiny_scene


class Toy(Architecture):
    """A sine and one stage, without a condition."""

    name, full_frame, suits_bfloat16 = "toy", True, True
    presets: ClassVar = {"paper": ModelConfig(architecture="toy")}

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.stem = UpsamplingBlock(config.embedding_channels, 8, 1, 1, wrap=True)
        self.stage = UpsamplingBlock(8, 8, config.scale, 3, wrap=True)
        self.head = ColourHead(8, wrap=True)

    def decode(
        self, features: Tensor, time: Tensor, look: object = None, size: object = None
    ) -> Tensor:
        picture: Tensor = self.head(self.stage(self.stem(features)))
        return picture

    def layout(self) -> Layout:
        return Layout(Stage.of(self.stem), (Stage.of(self.stage),), self.head)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    """Of the toy, which is in the table."""
    monkeypatch.setitem(ARCHITECTURES, "toy", Toy)
    monkeypatch.setitem(CONFIGS, "toy", TINY.replace(architecture="toy", colour_skip=True))
    return CONFIGS["toy"]


def test_a_new_architecture_is_decoded_viewed_and_kept(config: ModelConfig, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    write_scene(path, tiny_scene("toy"))
    engine = open_engine(read_scene(path), "toy", "cpu", kind="eager")
    assert engine.decode(Look(), 1).pixels.shape == (48, 96, 4)
    assert render_view(engine, Look(2.0, 0.5), 1, 24, 48).shape == (24, 48, 3)


def test_every_engine_decodes_a_new_architecture(config: ModelConfig) -> None:
    scene = tiny_scene("toy")
    eager, folded = (open_engine(scene, "toy", "cpu", kind=kind) for kind in ("eager", "folded"))
    expected = eager.decode(Look(), 1).pixels.int()
    assert (folded.decode(Look(), 1).pixels.int() - expected).abs().max() <= 1
    for bands in (1, 3):
        programs = build_programs(
            scene.decoders["toy"], torch.device("cpu"), eager.size, torch.float32, bands=bands
        )
        assert (run_programs(programs, Look(), 1).int() - expected).abs().max() <= 1


def test_a_new_architecture_has_its_cost_and_its_presets(config: ModelConfig) -> None:
    stage = 2 * 9 * 8 * 8 * config.scale**2 * 2 * 4
    head = 2 * 9 * 8 * 3 * 48 * 96
    assert count_flops(config) == count_flops(config, look_alone=True)
    assert count_flops(config) == 2 * 8 * 2 * 4 + stage + head
    assert count_parameters(config) == 16 + (9 * 8 + 1) * 8 * config.scale**2 + 219
    assert preset("paper-toy").architecture == "toy"
    assert reach(config) == 2  # 1 + 1/24


def test_a_new_architecture_learns(config: ModelConfig) -> None:
    torch.manual_seed(0)
    network = Autoencoder(config.replace(frame_height=96, frame_width=192))
    frame, time = torch.rand(1, 3, 96, 192), torch.zeros(1, dtype=torch.float64)
    looks = torch.zeros(1, 4, dtype=torch.float64)
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)
    losses = []
    for _ in range(2):
        loss = (network(frame, time, looks) - network.target(frame, looks)).square().mean()
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_names_in_the_table_are_the_classes_own(name: str) -> None:
    assert ARCHITECTURES[name].name == name
    assert all(config.architecture == name for config in ARCHITECTURES[name].presets.values())
    for config in ARCHITECTURES[name].presets.values():
        checked(config)


def test_unknown_architectures_and_presets_are_refused() -> None:
    for refused in (architecture_of, checked, build_decoder):
        with pytest.raises(InputError, match="nerv360, hnerv, hnerv-boost"):
            refused(TINY.replace(architecture="vae"))
    with pytest.raises(InputError, match="paper-aligned"):
        preset("vae")
