"""The networks and every engine against references written by hand.

An activation that is left out, swapped or moved shows.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.decoding import open_engine, picture_size
from nerv360.decoding.compiled.program import build_programs
from nerv360.geometry import Look
from nerv360.networks.registry import architecture_of, build_decoder
from nerv360.scene import Attribution, Decoder, Scene
from tests.support import references
from tests.support.decoders import run_programs
from tests.support.references import FUNCTIONS, Activate, Shape, as_written
from tests.support.scenes import lively_decoder

CPU = torch.device("cpu")
FRAMES, FRAME = 3, 2
LOOK = Look(2.9, 0.6, 0.0, 1.3)
SMALL = ModelConfig(
    frame_height=96,
    frame_width=192,
    encoder_strides=(3, 2, 2),
    embedding_channels=2,
    strides=(3, 2, 2),
    kernels=(1, 3, 3),
    blocks=(1, 2, 0),
    channels=14,
    viewport_height=60,
    viewport_width=96,
)
BUNNY = ModelConfig(
    architecture="hnerv",
    frame_height=320,
    frame_width=640,
    encoder_strides=(5, 4, 4, 2, 2),
    embedding_channels=16,
    strides=(5, 4, 4, 2, 2),
    kernels=(1, 3, 5, 5, 5),
    blocks=(0, 0, 0, 0, 0),
    channels=68,
    erp_padding="zeros",
)
CONFIGS = {
    "nerv360": SMALL,
    "nerv360 periodic": SMALL.replace(look_encoding="periodic"),
    "nerv360 without look": SMALL.replace(condition_on_look=False),
    "nerv360 zeros": SMALL.replace(erp_padding="zeros"),
    "hnerv": SMALL.replace(architecture="hnerv", kernels=(1, 3, 5), erp_padding="zeros"),
    "hnerv wrap": SMALL.replace(architecture="hnerv", kernels=(1, 3, 5)),
    "hnerv-boost": SMALL.replace(architecture="hnerv-boost", erp_padding="zeros"),
    "hnerv-boost published": SMALL.replace(
        architecture="hnerv-boost", erp_padding="zeros", time_encoding="published"
    ),
    "hnerv-boost wrap": SMALL.replace(architecture="hnerv-boost"),
}
PLACES = {
    "nerv360": [
        *(f"{name}_embedding.{layer}" for name in ("time", "yaw", "pitch") for layer in (0, 2)),
        "expansion",
        "expansion.residual",
        "expansion.residual.affine1.gamma",
        "stages.0",
        "stages.1",
        "stages.1.residuals.1",
        "stages.1.residuals.1.affine2.beta",
        "stages.2",
        "head",
    ],
    "hnerv": ["stem", "stages.0", "stages.1", "stages.2", "head"],
    "hnerv-boost": [
        "time_embedding.0",
        "time_embedding.2",
        "stem",
        "residual",
        "residual.affine2.gamma",
        "stages.0",
        "stages.1",
        "stages.1.residuals.1",
        "stages.1.residuals.1.affine1.beta",
        "stages.2",
        "head",
    ],
}


def strong(config: ModelConfig) -> Decoder:
    """Return a random decoder in which every activation bends what it is given."""
    decoder = lively_decoder(config, FRAMES)
    for name, weight in decoder.weights.items():
        if "embedding" in name:
            weight.normal_(std=0.3)
        elif "affine" in name:
            weight.normal_(std=0.15)
        elif name.endswith("weight"):
            weight.mul_(1.5)
    return decoder


def reference(decoder: Decoder, activate: Activate = as_written) -> Tensor:
    """Return the picture of frame `FRAME` at `LOOK`, 1×3×H×W, by the layers written out."""
    config = decoder.config
    shape = Shape(
        config.strides,
        config.blocks,
        config.erp_padding == "wrap",
        config.encoding_base,
        config.encoding_levels,
        config.look_levels if config.look_encoding == "periodic" else 0,
        config.condition_on_look,
        config.time_encoding == "published",
    )
    embedding, time = decoder.embeddings[FRAME : FRAME + 1], FRAME / FRAMES
    w = decoder.weights
    if config.architecture == "hnerv":
        return references.hnerv(w, shape, embedding, activate)
    if config.architecture == "hnerv-boost":
        return references.hnerv_boost(w, shape, embedding, time, activate)
    look, size = (LOOK.yaw, LOOK.pitch, LOOK.hfov), config.viewport_embedding_size
    return references.nerv360(w, shape, embedding, time, look, size, activate)


def by_network(decoder: Decoder) -> Tensor:
    """Return the same by `model`."""
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    time = torch.tensor([FRAME / FRAMES], dtype=torch.float64)
    inputs = [decoder.embeddings[FRAME : FRAME + 1], time]
    if not architecture_of(decoder.config).full_frame:
        inputs.append(torch.tensor([[LOOK.yaw, LOOK.pitch, 0.0, LOOK.hfov]], dtype=torch.float64))
    with torch.no_grad():
        picture: Tensor = network(*inputs)
    return picture


@pytest.mark.parametrize("name", CONFIGS)
def test_the_networks_are_the_references(name: str) -> None:
    decoder = strong(CONFIGS[name])
    torch.testing.assert_close(by_network(decoder), reference(decoder), atol=2e-5, rtol=0)


@pytest.mark.slow
def test_hnerv_of_the_published_checkpoints_shape_is_the_reference() -> None:
    """The official "bunny" of 1.5 M parameters: strides 5, 4, 4, 2, 2, d 16, c 68."""
    published = {
        "stem": (68, 16, 1),
        "stages.0.conv": (57 * 25, 68, 1),
        "stages.1.conv": (48 * 16, 57, 3),
        "stages.2.conv": (40 * 16, 48, 5),
        "stages.3.conv": (33 * 4, 40, 5),
        "stages.4.conv": (28 * 4, 33, 5),
        "head.conv": (3, 28, 3),
    }
    torch.manual_seed(0)
    decoder = strong(BUNNY)
    decoder.weights = {}
    for name, (after, before, kernel) in published.items():
        spread = 1.5 / (before * kernel**2) ** 0.5
        decoder.weights[f"{name}.weight"] = torch.randn(after, before, kernel, kernel) * spread
        decoder.weights[f"{name}.bias"] = torch.randn(after) * 0.1
    decoded, expected = by_network(decoder), reference(decoder)
    assert decoded.shape == (1, 3, 320, 640)
    torch.testing.assert_close(decoded, expected, atol=2e-5, rtol=0)
    decoder.embeddings = decoder.embeddings[..., :1]
    expected = reference(decoder)
    for place in ["stem", *(f"stages.{i}" for i in range(5)), "head"]:
        assert (expected - reference(decoder, but(place, "none"))).abs().max() > 0.02, place


def but(place: str, kind: str) -> Activate:
    """All activations as written but the one at ``place``."""

    def activate(here: str, written: str, x: Tensor) -> Tensor:
        return FUNCTIONS[kind if here == place else written](x)

    return activate


@pytest.mark.slow
@pytest.mark.parametrize(("name", "place"), [(n, p) for n in PLACES for p in PLACES[n]])
def test_the_references_tell_one_activation_from_another(name: str, place: str) -> None:
    """Else they could not hold a network to its activations."""
    decoder = strong(CONFIGS[name])
    expected = reference(decoder)
    kinds: dict[str, str] = {}

    def note(here: str, written: str, x: Tensor) -> Tensor:
        kinds[here] = written
        return FUNCTIONS[written](x)

    reference(decoder, note)
    for kind in ("none", "sine", "gelu"):
        if kind != kinds[place]:
            changed = reference(decoder, but(place, kind))
            assert (changed - expected).abs().max() > 1e-3, kind


def by_engine(kind: str) -> Callable[[Decoder], Tensor]:
    """H×W×4 uint8 by an engine of the CPU."""

    def decode(decoder: Decoder) -> Tensor:
        config = decoder.config
        scene = Scene(
            Attribution("", "", "", ""),
            config.frame_width,
            config.frame_height,
            20.0,
            FRAMES,
            {config.architecture: decoder},
        )
        engine = open_engine(scene, config.architecture, "cpu", kind=kind)
        return engine.decode(LOOK, FRAME).pixels

    return decode


def by_programs(decoder: Decoder) -> Tensor:
    """H×W×4 uint8 by what the compiled engine compiles."""
    size = picture_size(decoder.config, None)
    return run_programs(build_programs(decoder, CPU, size, torch.float32), decoder, LOOK, FRAME)


ENGINES = {"eager": by_engine("eager"), "folded": by_engine("folded"), "programs": by_programs}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CONFIGS)
def test_engines_give_the_references_pictures(name: str, engine: str) -> None:
    config = CONFIGS[name]
    decoder = strong(config.replace(hfov_jitter=0.5))  # else the look's field of view is narrowed
    expected = (reference(decoder)[0].permute(1, 2, 0) * 255 + 0.5).to(torch.uint8)
    pixels = ENGINES[engine](decoder)
    assert (pixels[..., :3].int() - expected.int()).abs().max() <= 1
