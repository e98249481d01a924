"""Engines: each gives the reference's picture, for every look, and refuses what does not exist."""

from __future__ import annotations

import math

import pytest
import torch

from model.config import ModelConfig
from model.decoders import build_decoder
from model.decoding import open_engine, picture_size
from model.decoding.eager import look_tensor, to_rgba
from model.errors import InputError
from model.geometry import Look
from model.nerv360 import NeRV360
from model.scene import Scene
from tests.scenes import CONFIGS, tiny_scene

LOOKS = [Look(), Look(3.1, 0.4), Look(-3.1, -1.5), Look(0.5, 1.5, 0.7), Look(1.0, 0.0, 0.0, 2.5)]


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Tiny decoders of all three kinds, their affines far from the identity."""
    torch.manual_seed(0)
    scene = tiny_scene(*CONFIGS, frames=3)
    for decoder in scene.decoders.values():
        for name, weight in decoder.weights.items():
            if "gamma.2" in name or "beta.2" in name:
                weight.normal_(std=0.2)
    return scene


@pytest.mark.parametrize("kind", ["eager", "folded", "auto"])
@pytest.mark.parametrize("look", LOOKS)
def test_engines_agree_with_the_network(scene: Scene, kind: str, look: Look) -> None:
    engine = open_engine(scene, "nerv360", "cpu", kind=kind)
    picture = engine.decode(look, 1)
    stored = scene.decoders["nerv360"]
    network = build_decoder(stored.config)
    network.load_state_dict(stored.weights)
    assert isinstance(network, NeRV360)
    time = torch.tensor([1 / 3], dtype=torch.float64)
    with torch.no_grad():
        reference = network(stored.embeddings[1:2], time, look_tensor(picture.look))
    difference = picture.pixels.int() - to_rgba(reference).int()
    assert difference.abs().max() <= 1
    assert picture.pixels.is_contiguous()
    assert picture.pixels.shape == (*engine.size, 4)
    assert (picture.pixels[..., 3] == 255).all()


def test_a_picture_says_what_it_was_decoded_for(scene: Scene) -> None:
    engine = open_engine(scene, "nerv360", "cpu")
    picture = engine.decode(Look(1.0, 0.2, 0.5, math.radians(120)), 2)
    assert picture.frame == 2
    assert picture.look.roll == 0.0
    assert picture.look.hfov == engine.hfov_range[1]
    assert (picture.look.yaw, picture.look.pitch) == (1.0, 0.2)


def test_pictures_of_other_frames_differ_and_come_back(scene: Scene) -> None:
    engine = open_engine(scene, "nerv360", "cpu")
    first = engine.decode(Look(), 0).pixels.clone()
    second = engine.decode(Look(), 1).pixels
    assert not torch.equal(first, second)
    assert torch.equal(first, engine.decode(Look(), 0).pixels)


@pytest.mark.parametrize("name", ["hnerv", "hnerv-boost"])
def test_full_frame_engines_ignore_the_look(scene: Scene, name: str) -> None:
    engine = open_engine(scene, name, "cpu", size=(48, 96))
    config = scene.decoders[name].config
    assert engine.size == (config.frame_height, config.frame_width)
    picture = engine.decode(Look(2.0, 0.5), 0)
    assert picture.equirectangular
    assert torch.equal(picture.pixels, engine.decode(Look(), 0).pixels)


def test_sizes_are_brought_to_what_the_strides_give() -> None:
    config = ModelConfig()
    assert picture_size(config, None) == (1080, 1920)
    assert picture_size(config, (500, 905)) == (504, 912)
    assert picture_size(config, (1, 1)) == (48, 48)


def test_what_does_not_exist_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="--decoder"):
        open_engine(scene, "vae", "cpu")
    with pytest.raises(InputError, match="--engine"):
        open_engine(scene, "nerv360", "cpu", kind="warp")
    with pytest.raises(InputError, match="whole frames"):
        open_engine(scene, "hnerv", "cpu", kind="folded")
    with pytest.raises(IndexError):
        open_engine(scene, "nerv360", "cpu").decode(Look(), 3)
