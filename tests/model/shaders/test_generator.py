from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from nerv360.lab.benchmarks.engine_speed import random_decoder
from nerv360.networks import preset, presets
from nerv360.scene import Decoder
from nerv360.shaders import Kind, LimitError, Limits, Moment, ShaderPlan, shader_plan
from tests.support.decoders import CASES, LARGER
from tests.support.scenes import CONFIGS, decoder_over_still, lively_decoder

DESKTOP = Limits(targets=8, side=16384, layers=2048, block_bytes=65536, vectors=1024)
NARROW = Limits(block_bytes=1024, map_bytes=40_000)
SHALLOW = Limits(layers=14)
LAST_WORDS = ("float", "vec2", "vec3", "vec4", "int", "ivec2", "ivec3", "mat3", "mat4", "bool")


SOME = (
    "nerv360",
    "hnerv",
    "hnerv-boost",
    "expanded after projection",
    "uneven blocks",
    "one stage on the sphere",
)


@cache
def _plan(name: str, limits: Limits = DESKTOP) -> ShaderPlan:
    return shader_plan(decoder_over_still(CASES[name]), limits=limits)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_decoder_gives_the_same_plan(name: str) -> None:
    again = shader_plan(decoder_over_still(CASES[name]), limits=DESKTOP)
    (first, numbers), (second, others) = _plan(name).to_json(), again.to_json()
    assert json.dumps(first) == json.dumps(second)
    assert numbers == others


@pytest.mark.parametrize(
    "limits", [Limits(), DESKTOP, NARROW, SHALLOW], ids=["webgl", "desktop", "narrow", "shallow"]
)
@pytest.mark.parametrize("name", SOME)
def test_a_plan_keeps_to_what_its_host_grants(name: str, limits: Limits) -> None:
    plan = _plan(name, limits)
    for program in plan.programs:
        outputs = re.findall(r"layout\(location = (\d+)\) out vec4", program.source)
        assert [int(place) for place in outputs] == list(range(program.targets))
        assert program.targets <= limits.targets
        assert 64 * program.block <= limits.block_bytes
        assert len(re.findall(r"uniform sampler", program.source)) <= 16
        arrays = re.findall(r"uniform vec4 \w+\[(\d+)\]", program.source)
        assert sum(map(int, arrays)) + 16 <= limits.vectors
    for map_ in plan.maps.values():
        assert max(map_.height, map_.width) <= limits.side
        assert map_.layers <= limits.layers
    for each in plan.passes:
        assert each.layer + plan.programs[each.program].targets <= plan.maps[each.target].layers
        assert each.weights % 4 == 0, "256 bytes, which every uniform buffer grants"


@pytest.mark.parametrize("name", SOME)
def test_texts_are_of_the_common_subset_and_leave_versions_to_the_host(name: str) -> None:
    for program in _plan(name).programs:
        text = re.sub(r"//.*", "", program.source)
        assert not re.search(r"#|\bprecision\b|\bbinding\b|\btexture[123]D|gl_FragColor", text)
        assert not re.search(r"\b(double|dvec|image\w+|buffer|shared|subroutine)\b", text)
        assert not re.search(r"\b(input|output|half|filter|common|active|sample|template)\b", text)
        assert text.count("{") == text.count("}")
        assert text.count("(") == text.count(")")
        for kind, value in re.findall(r"const (\w+) \w+ = ([^;]+);", text):
            assert kind in LAST_WORDS
            assert kind != "float" or "." in value or "e" in value, "ES 3.00 takes no int for it"


@pytest.mark.parametrize("name", CONFIGS)
def test_texts_do_not_depend_on_what_was_learnt(name: str) -> None:
    decoder = decoder_over_still(CONFIGS[name])
    other = replace(decoder, weights={n: w + 0.5 for n, w in decoder.weights.items()})
    assert shader_plan(decoder).programs == shader_plan(other).programs
    assert not np.array_equal(shader_plan(decoder).weights, shader_plan(other).weights)


@pytest.mark.parametrize("name", SOME)
def test_every_map_is_given_or_written_before_it_is_read(name: str) -> None:
    plan = _plan(name, NARROW)
    written = {map_.name for map_ in plan.maps.values() if map_.given}
    for moment in Moment:
        for each in [each for each in plan.passes if each.moment is moment]:
            for sampler, read in each.reads.items():
                assert read in written
                assert sampler in plan.programs[each.program].source
            written.add(each.target)
    assert {m.name for m in plan.maps.values()} <= written


@pytest.mark.parametrize("name", ["nerv360", "hnerv", "hnerv-boost"])
def test_features_that_one_texture_cannot_hold_lie_in_two(name: str) -> None:
    whole, plan = _plan(name), _plan(name, SHALLOW)
    assert max(map_.layers for map_ in whole.maps.values()) > SHALLOW.layers
    for map_ in whole.maps.values():
        parts = [plan.maps[part] for part in (map_.name, f"{map_.name}.more") if part in plan.maps]
        assert [part.layers for part in parts] == (
            [14, map_.layers - 14] if map_.layers > 14 else [map_.layers]
        )
    read = {map_ for each in plan.passes for map_ in each.reads.values()}
    assert set(plan.maps) - read == {plan.picture} - read


@pytest.mark.parametrize("name", presets())
def test_every_presets_layers_fit_the_least_that_graphics_grant(name: str) -> None:
    plan = shader_plan(random_decoder(preset(name), frames=1), limits=Limits(side=8192))
    assert max(map_.layers for map_ in plan.maps.values()) <= 256
    assert any(map_.endswith(".more") for map_ in plan.maps) == (
        name in ("paper-hnerv", "paper-hnerv-boost")
    )


@pytest.mark.parametrize("name", ["hnerv", "hnerv-boost", "larger", "zeros"])
def test_bands_cover_the_picture_once_with_all_that_they_need(name: str) -> None:
    whole, plan = _plan(name), _plan(name, replace(NARROW, map_bytes=25_000))
    assert (len(whole.bands), len(plan.bands) > 1) == (1, True)
    edges = [band.rows["picture"] for band in plan.bands]
    assert [first for first, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert edges[-1][1] == plan.size[0]
    banded = [map_ for map_ in plan.maps.values() if map_.banded]
    for band in plan.bands:
        for map_ in banded:
            first, end = band.rows[map_.name]
            assert 0 <= first < end <= whole.maps[map_.name].height
            assert end - first <= map_.height
    for map_ in banded:
        held = {row for band in plan.bands for row in range(*band.rows[map_.name])}
        assert held == set(range(whole.maps[map_.name].height))
    assert sum(8 * m.height * m.width * m.layers for m in banded) < sum(
        8 * m.height * m.width * m.layers for m in whole.maps.values() if m.banded
    )


@pytest.mark.parametrize("name", ["paper", "paper-hnerv"])
def test_the_papers_networks_fit_where_a_screen_is_large_enough(name: str) -> None:
    decoder = random_decoder(preset(name).replace(frame_height=768, frame_width=1536), frames=1)
    limits = Limits(layers=512, map_bytes=128 * 2**20)
    plan = shader_plan(decoder, limits=limits)
    held = sum(8 * m.height * m.width * m.layers for m in plan.maps.values() if m.banded)
    assert held <= limits.map_bytes
    assert any(program.texture for program in plan.programs), "too much for a block of 16 KiB"
    with pytest.raises(
        LimitError, match=r"need \d+ pixels along a texture's side, and the limit here is 512"
    ):
        shader_plan(decoder, limits=replace(limits, side=512))


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(side=64), "96 pixels along a texture's side, .* is 64"),
        (Limits(layers=8), "18 layers in two textures, .* is 16"),
        (Limits(vectors=18), r"\d+ uniform vectors, .* is 18"),
    ],
)
def test_what_is_too_much_is_told(limits: Limits, what: str) -> None:
    with pytest.raises(LimitError, match=what):
        _plan("hnerv-boost", limits)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", ["nerv360", "periodic", "unconditioned", "hnerv", "hnerv-boost"])
def test_json_and_numbers_are_the_whole_plan(name: str, half: bool) -> None:
    decoder = lively_decoder(CASES[name])
    plan = shader_plan(decoder)
    values, numbers = plan.to_json(half=half)
    values = json.loads(json.dumps(values))

    def array(at: dict[str, Any]) -> np.ndarray:
        dtype = {"float16": "<f2", "float32": "<f4"}[at["type"]]
        assert at["offset"] % 4 == 0
        count = math.prod(at["shape"])
        found = np.frombuffer(numbers, dtype, count, at["offset"])
        return found.astype(np.float32).reshape(at["shape"])

    near = 2e-3 if half else 1e-6
    assert np.allclose(array(values["weights"]), plan.weights, near, near)
    assert [program["source"] for program in values["programs"]] == [
        program.source for program in plan.programs
    ]
    if plan.conditions is None:
        assert values["conditions"] is None
        return
    look = (2.5, -0.7, 0.0, 1.3)
    shown = _affines(values["conditions"], array, 2, look)
    assert np.allclose(shown, plan.conditions.of(2, look), atol=2e-2 if half else 1e-4)


def _affines(
    conditions: dict[str, Any],
    array: Callable[[dict[str, Any]], np.ndarray],
    frame: int,
    look: tuple[float, ...],
) -> np.ndarray:
    """Return the affine layers as a web page computes them."""

    def linear(layer: dict[str, Any], x: np.ndarray) -> np.ndarray:
        return array(layer["weight"]) @ x + array(layer["bias"])

    time = array(conditions["times"])[frame]
    seen = [time]
    for each in conditions["looks"]:
        encoding, angle = each["encoding"], look[0] if each["of"] == "yaw" else look[1]
        if encoding["kind"] == "periodic":
            angles = angle * np.arange(1, encoding["levels"] + 1)
        else:
            turns = (angle / (2 * math.pi) + 0.5) % 1 if each["of"] == "yaw" else None
            value = angle / math.pi + 0.5 if turns is None else turns
            angles = value * encoding["base"] ** np.arange(encoding["levels"]) * math.pi
        x = np.concatenate([np.sin(angles), np.cos(angles)])
        for layer in each["layers"]:
            x = np.sin(linear(layer, x))
        seen.append(x)
    result = np.zeros((conditions["vectors"], 4), np.float32)
    for affine in conditions["affines"]:
        condition = time if affine["time_alone"] else np.concatenate(seen)
        for offset, (head, one) in enumerate((("gamma", 1), ("beta", 0))):
            first, second = affine[head]
            values = one + linear(second, np.maximum(linear(first, condition), 0))
            for channel, value in enumerate(values):
                result[affine["first"] + 2 * (channel // 4) + offset, channel % 4] = value
    return result


def test_viewports_of_another_size_and_pictures_without_alpha() -> None:
    plan = shader_plan(lively_decoder(LARGER), size=(48, 120))
    assert plan.maps["picture"].kind is Kind.BYTES
    assert (plan.maps["picture"].height, plan.maps["picture"].width) == (48, 120)
    assert not any(each.moment is Moment.PICTURE for each in plan.passes)
    assert [m.name for m in plan.maps.values() if m.given] == ["embedding"]


def test_a_frame_is_expanded_once_for_all_looks() -> None:
    plan = _plan("nerv360")
    once = {each.target for each in plan.passes if each.moment is Moment.FRAME}
    assert once == {"stem", "stem.0.between", "stem.0"}
    assert not any(each.moment is Moment.FRAME for each in _plan("hnerv").passes)


def test_stages_before_the_projection_serve_all_looks_in_a_crop() -> None:
    plan = _plan("one stage on the sphere")
    once = {each.target for each in plan.passes if each.moment is Moment.CROP}
    assert once == {"stem", "stem.0.between", "stem.0", "stage0", "stage0.0.between", "stage0.0"}
    assert not any(each.moment is Moment.FRAME for each in plan.passes)
    assert not any(plan.maps[name].banded for name in once)
    late = random_decoder(preset("paper").replace(project_after=4), frames=1)
    with pytest.raises(LimitError, match=r"need \d+ MiB of textures before the projection"):
        shader_plan(late, limits=DESKTOP)


def test_a_decoder_needs_no_graphics_to_be_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "OpenGL", None)
    decoder: Decoder = lively_decoder(CASES["nerv360"])
    with torch.no_grad():
        assert shader_plan(decoder).programs
