"""A new architecture is one module and one entry: everything else takes it from there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.decoding import open_engine, picture_size
from nerv360.decoding.compiled.program import build_programs
from nerv360.decoding.memory_estimate import decoding_bytes
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.networks.cost import count_flops, count_parameters
from nerv360.networks.registry import (
    ARCHITECTURES,
    architecture_of,
    build_decoder,
    checked,
    preset,
)
from nerv360.rendering import render_view
from nerv360.scene import read_scene, write_scene
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.crops import reach
from tests.support.decoders import run_programs
from tests.support.memory import counted_decoding
from tests.support.scenes import TINY, tiny_scene
from tests.support.toys import Toy, ToyViewport, added


@pytest.fixture(params=[Toy, ToyViewport])
def toy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    return added(request.param, monkeypatch)


def test_a_new_architecture_is_kept_and_decoded_by_every_engine(
    toy: ModelConfig, tmp_path: Path
) -> None:
    path, name = tmp_path / "toy.safetensors", toy.architecture
    write_scene(path, tiny_scene(name))
    scene = read_scene(path)
    size = picture_size(toy)
    eager, folded = (open_engine(scene, name, "cpu", kind=kind) for kind in ("eager", "folded"))
    programs = [
        build_programs(scene.decoders[name], torch.device("cpu"), size, torch.float32, bands=bands)
        for bands in (1, 3)
    ]
    for look in (Look(), Look(2.0, 0.5)):
        pixels = eager.decode(look, 1).pixels
        assert pixels.shape == (*size, 4)
        assert (folded.decode(look, 1).pixels.int() - pixels.int()).abs().max() <= 1
        for program in programs:
            picture = run_programs(program, scene.decoders[name], look, 1)
            assert (picture.int() - pixels.int()).abs().max() <= 1
    assert render_view(eager, Look(2.0, 0.5, 0.3), 1, 24, 48).shape == (24, 48, 3)


def test_a_new_architecture_has_its_cost(toy: ModelConfig) -> None:
    stem, pixels = 2 * 2 * 4 * 8, math.prod(picture_size(toy))
    stage, head = 2 * 9 * 8 * 8 * pixels, 2 * 9 * 8 * 3 * pixels
    assert count_flops(toy) == pytest.approx(stem + stage + head, rel=1e-3)
    spared = 0 if ARCHITECTURES[toy.architecture].full_frame else stem
    assert count_flops(toy, look_alone=True) == count_flops(toy) - spared
    assert count_parameters(toy) == 16 + (9 * 8 + 1) * 8 * toy.scale**2 + 219
    assert reach(toy) == 2  # 1 + 1/24
    counted = counted_decoding(toy)
    assert decoding_bytes(toy) == pytest.approx(counted, rel=0.02, abs=2**14)


def test_a_new_architecture_has_its_presets_and_its_limits(toy: ModelConfig) -> None:
    assert preset(f"demo-{toy.architecture}").architecture == toy.architecture
    with pytest.raises(InputError, match="strides"):
        checked(toy.replace(strides=(3, 2, 2, 3)))


def test_a_new_architecture_learns(toy: ModelConfig) -> None:
    torch.manual_seed(0)
    network = Autoencoder(toy.replace(frame_height=96, frame_width=192))
    frame, time = torch.rand(1, 3, 96, 192), torch.zeros(1, dtype=torch.float64)
    looks = torch.tensor([[0.1, 0.2, 0.0, 1.3]], dtype=torch.float64)
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
