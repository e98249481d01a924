"""Engines: each gives the reference's picture, for every look, and refuses what does not exist."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.decoding import ENGINES, draw_by, engine_help, open_engine, picture_size
from nerv360.decoding.eager import to_rgba
from nerv360.decoding.looks import look_tensor
from nerv360.devices import multiplies_bfloat16
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.networks import architecture_of, build_decoder
from nerv360.scene import Scene, read_scene
from tests.support.fake_cuda import FakeCuda, FakeStream
from tests.support.scenes import (
    CONFIGS,
    TINY,
    decoder_over_still,
    lively_decoder,
    shown,
    tiny_scene,
)

DEMO = Path(__file__).parents[3] / "assets" / "demo.safetensors"
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


@pytest.mark.parametrize("kind", ["eager", "folded"])
@pytest.mark.parametrize("look", LOOKS)
def test_engines_agree_with_the_network(scene: Scene, kind: str, look: Look) -> None:
    engine = open_engine(scene, "nerv360", "cpu", kind=kind)
    picture = engine.decode(look, 1)
    stored = scene.decoders["nerv360"]
    network = build_decoder(stored.config)
    network.load_state_dict(stored.weights)
    time = torch.tensor([1 / 3], dtype=torch.float64)
    with torch.no_grad():
        reference = network(stored.embeddings[1:2], time, look_tensor(picture.look))
    difference = picture.pixels.int() - to_rgba(reference).int()
    assert difference.abs().max() <= 1
    assert picture.pixels.is_contiguous()
    assert picture.pixels.shape == (*engine.size, 4)
    assert (picture.pixels[..., 3] == 255).all()


def test_the_way_to_a_look_leaves_no_trace_in_the_picture() -> None:
    scene = tiny_scene()
    config = TINY.replace(frame_height=192, frame_width=384, encoder_strides=(8,))
    scene.decoders["nerv360"] = lively_decoder(config)
    folded = open_engine(scene, "nerv360", "cpu", kind="folded")
    eager = open_engine(scene, "nerv360", "cpu", kind="eager")
    up, down = Look(1.0, 1.3), Look(-2.0, -1.3)
    way = [(up, 0), (down, 1), (up, 1), (up, 2), (down, 2), (down, 0), (Look(), 1), (down, 1)]
    seam, beside = Look(3.1, 0.1), Look(-2.9, 0.1)
    way += [(Look(), 0), (Look(), 1), (seam, 1), (Look(), 2), (beside, 2), (beside, 0), (seam, 1)]
    way += [(beside, 2), (seam, 2), (up, 2), (seam, 0), (Look(), 0)]
    for look, frame in way:
        pixels = folded.decode(look, frame).pixels.int()
        assert (pixels - eager.decode(look, frame).pixels.int()).abs().max() <= 1


def late_scene(project_after: int, *, still: bool) -> Scene:
    """Return a scene of a decoder whose first stages run on the sphere."""
    config = TINY.replace(
        frame_height=384, frame_width=768, encoder_strides=(12,), project_after=project_after
    )
    scene = tiny_scene()
    levels = config.replace(level_channels=(2, 1))
    scene.decoders["nerv360"] = decoder_over_still(config) if still else lively_decoder(levels)
    return scene


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("project_after", [1, 2, 4])
def test_stages_on_the_sphere_are_folded_too(project_after: int, still: bool) -> None:
    scene = late_scene(project_after, still=still)
    folded = open_engine(scene, "nerv360", "cpu", kind="folded")
    eager = open_engine(scene, "nerv360", "cpu", kind="eager")
    way = [(Look(), 0), (Look(0.01), 0), (Look(3.1, 0.1), 0), (Look(-2.9, 0.1), 1)]
    way += [(Look(1.0, 1.3), 1), (Look(-2.0, -1.5), 1), (Look(0.3, 0.2, 0.4), 2)]
    alphas = set[int]()
    for look, frame in way:
        pixels = folded.decode(look, frame).pixels
        assert (shown(pixels) - shown(eager.decode(look, frame).pixels)).abs().max() <= 1
        alphas |= set(pixels[..., 3].flatten().tolist())
    assert (len(alphas) > 20) if still else alphas == {255}


def test_auto_takes_an_engine_that_runs_stages_on_the_sphere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = late_scene(2, still=False)
    config = scene.decoders["nerv360"].config
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    assert open_engine(scene, "nerv360", "cpu").name == "folded-bfloat16"
    assert ENGINES["fused"].unsuited(config) is None
    reason = "is for stages after the projection, and project_after 4 is all"
    assert ENGINES["fused"].unsuited(config.replace(project_after=4)) == reason


@pytest.mark.parametrize("expand_first", [True, False])
def test_where_the_processor_multiplies_bfloat16_the_picture_stays_within_half_precision(
    expand_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TINY.replace(expand_before_projection=expand_first)
    scene = tiny_scene()
    scene.decoders["nerv360"] = lively_decoder(config)
    reference = open_engine(scene, "nerv360", "cpu", kind="eager")
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    engine = open_engine(scene, "nerv360", "cpu")
    assert engine.name == "folded-bfloat16"
    for frame, look in enumerate(LOOKS[:3]):
        pixels = engine.decode(look, frame).pixels
        error = pixels.double() - reference.decode(look, frame).pixels.double()
        assert 0 < error[..., :3].square().mean() < 255**2 / 10**4.5  # 45 dB
        assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("padding", ["zeros", "wrap"])
@pytest.mark.parametrize("name", ["hnerv", "hnerv-boost"])
def test_whole_frames_are_folded_on_the_cpu_as_viewports_are(
    name: str, padding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIGS[name].replace(erp_padding=padding, kernels=(1, 3, 5, 5))
    scene = tiny_scene(name)
    scene.decoders[name] = lively_decoder(config)
    reference = open_engine(scene, name, "cpu", kind="eager")
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: False)
    whole = open_engine(scene, name, "cpu")
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    half = open_engine(scene, name, "cpu")
    suits = architecture_of(config).suits_bfloat16
    assert (whole.name, half.name) == ("folded", "folded-bfloat16" if suits else "folded")
    assert (whole.precision, half.precision) == (
        torch.float32,
        torch.bfloat16 if suits else torch.float32,
    )
    for frame in range(3):
        expected = reference.decode(Look(), frame)
        picture = whole.decode(Look(1.0), frame)
        assert picture.equirectangular
        assert picture.pixels.is_contiguous()
        assert (picture.pixels.int() - expected.pixels.int()).abs().max() <= 1
        error = half.decode(Look(), frame).pixels.double() - expected.pixels.double()
        assert error[..., :3].square().mean() < 255**2 / 10**4.5  # 45 dB
        assert bool(error.any()) or not suits
        assert (error[..., 3] == 0).all()


@pytest.mark.parametrize(
    "name",
    ["nerv360", *(pytest.param(n, marks=pytest.mark.slow) for n in ("hnerv", "hnerv-boost"))],
)
def test_the_demo_looks_as_it_was_trained_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = read_scene(DEMO, name)
    reference = open_engine(scene, name, "cpu", kind="eager")
    expected = reference.decode(Look.from_degrees(30.0, 5.0), 10).pixels
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    engine = open_engine(scene, name, "cpu")
    pixels = engine.decode(Look.from_degrees(30.0, 5.0), 10).pixels
    seen = (pixels[..., 3] > 0) | (expected[..., 3] > 0)
    assert seen.float().mean() > 0.1
    error = shown(pixels)[seen] - shown(expected)[seen]
    assert error.square().mean() < 255**2 / 10**4.5  # 45 dB


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True}, False),
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"bf16": True}, False),
    ],
)
def test_bfloat16_is_used_where_torch_has_instructions_for_it(
    capabilities: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert multiplies_bfloat16() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not multiplies_bfloat16()


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


@pytest.mark.parametrize("kind", ["eager", "folded"])
def test_on_a_gpu_a_picture_says_when_it_is_there(
    scene: Scene, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next picture may be on its way already: a reader must be able to wait for this one."""
    engine = open_engine(scene, "nerv360", "cpu", kind=kind)
    engine.decode(Look(), 0)  # brings the frame's embeddings to where the rest is
    cuda = FakeCuda(monkeypatch)
    earlier: list[str] = []
    cuda.decoder.add(lambda: earlier.append("done"))
    engine.device = torch.device("cuda")
    picture = engine.decode(Look(), 0)
    assert earlier == ["done"], "its time is not known before it is there"
    assert picture.ready is not None
    cuda.decode_for_ever()
    reader = FakeStream()
    reader.wait_event(picture.ready)
    reader.synchronize()
    with pytest.raises(AssertionError, match="next picture"):
        cuda.decoder.synchronize()


def test_sizes_are_brought_to_what_the_strides_give() -> None:
    config = ModelConfig()
    assert picture_size(config, None) == (1080, 1920)
    assert picture_size(config, (500, 905)) == (504, 912)
    assert picture_size(config, (1, 1)) == (48, 48)


def test_what_does_not_exist_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="the scene has no decoder vae, only nerv360, hnerv"):
        open_engine(scene, "vae", "cpu")
    with pytest.raises(InputError, match="there is no engine 'warp', only auto, eager, folded, "):
        open_engine(scene, "nerv360", "cpu", kind="warp")
    with pytest.raises(InputError, match="fused engine decodes viewports, and hnerv whole frames"):
        open_engine(scene, "hnerv", "cpu", kind="fused")
    with pytest.raises(IndexError):
        open_engine(scene, "nerv360", "cpu").decode(Look(), 3)


@pytest.mark.slow
def test_decoding_on_the_cpu_loads_no_compiler() -> None:
    program = (
        "import sys, torch; from nerv360.decoding import open_engine; "
        "from nerv360.geometry import Look; from tests.support.scenes import tiny_scene; "
        "open_engine(tiny_scene(), 'nerv360', 'cpu').decode(Look(), 0); "
        "print({'triton', 'torch._dynamo', 'torch._inductor'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


def test_the_help_names_every_engine_by_its_device() -> None:
    assert engine_help() == (
        "How to decode: auto, eager, folded, gl; on the CPU also folded-bfloat16; "
        "on CUDA also compiled, fused."
    )


def test_the_table_and_the_help_load_no_torch() -> None:
    program = "import sys; from nerv360.viewer import cli; print('torch' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", ENGINES)
def test_the_documents_describe_every_engine(name: str) -> None:
    text = (DEMO.parents[1] / "docs" / "performance.md").read_text()
    kind = ENGINES[name]
    places = ", ".join({"cpu": "CPU", "cuda": "CUDA", "mps": "Metal"}[d] for d in kind.devices)
    compiler = "yes" if kind.compiles else "no"
    assert f"\n| {name} | {places} | {compiler} | {kind.summary} |\n" in text
    assert f"\n- **{name}**" in text


def test_every_engine_of_the_cpu_is_called_what_the_table_calls_it(scene: Scene) -> None:
    stored, cpu = scene.decoders["nerv360"], torch.device("cpu")
    draw_by(None)
    assert ENGINES["gl"].refusal(stored.config, cpu) == "needs graphics, which the viewer opens"
    for kind in ENGINES.values():
        if "cpu" in kind.devices and kind.name != "gl":
            assert kind.open(stored, cpu, picture_size(stored.config, None)).name == kind.name


@pytest.mark.parametrize(
    ("config", "processor", "reason"),
    [
        (CONFIGS["nerv360"], True, None),
        (CONFIGS["nerv360"], False, "needs a processor that multiplies bfloat16"),
        (CONFIGS["hnerv"], True, "is too coarse for hnerv"),
    ],
)
def test_an_engine_says_why_it_cannot_run(
    config: ModelConfig, processor: bool, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: processor)
    half = ENGINES["folded-bfloat16"]
    assert half.refusal(config, torch.device("cpu")) == reason
    assert half.suits(config, torch.device("cpu")) is (reason is None)
    assert not half.suits(config, torch.device("cuda"))


@pytest.mark.parametrize("kind", ["eager", "folded"])
def test_embeddings_of_other_frames_take_no_memory_of_the_device(kind: str) -> None:
    """In the paper's preset with a finer embedding they are 2.8 GiB in float32."""
    scene = tiny_scene(frames=3)
    stored = scene.decoders["nerv360"]
    engine: Any = ENGINES[kind].opener(stored, torch.device("meta"), picture_size(stored.config))
    assert {each.device.type for each in engine._maps(slice(None))} == {"cpu"}
    coarsest, finer, _ = engine._code(2)
    assert {each.device.type for each in (coarsest, *finer)} == {"meta"}
    assert coarsest.shape[0] == 1
