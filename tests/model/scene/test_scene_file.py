"""The scene file keeps what it is given and refuses, in one sentence, what it cannot be."""

from __future__ import annotations

import dataclasses
import math
import string
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from safetensors import safe_open

from nerv360.errors import InputError
from nerv360.networks import build_decoder
from nerv360.scene import (
    FORMAT_VERSION,
    Attribution,
    TrainingSummary,
    bytes_alone,
    read_header,
    read_scene,
    write_scene,
)
from nerv360.scene.header import SceneHeader, header_from_json, header_to_json
from nerv360.scene.safetensors_file import parse_json
from tests.support.scenes import CONFIGS, over_still_scene, tiny_scene


@pytest.mark.parametrize("embedding_bits", [8, 16, 32])
@pytest.mark.parametrize("weight_bits", [16, 32])
def test_a_written_scene_reads_back(tmp_path: Path, embedding_bits: int, weight_bits: int) -> None:
    scene = tiny_scene(*CONFIGS)
    path = tmp_path / "scene.safetensors"
    write_scene(path, scene, embedding_bits=embedding_bits, weight_bits=weight_bits)
    result = read_scene(path)
    assert result.header == scene.header
    for name, decoder in scene.decoders.items():
        read = result.decoders[name]
        assert set(read.weights) == set(decoder.weights)
        build_decoder(decoder.config).load_state_dict(read.weights)
        relative = 0 if weight_bits == 32 else 2**-11
        for key, weight in decoder.weights.items():
            torch.testing.assert_close(read.weights[key], weight, rtol=relative, atol=2**-25)
        span = decoder.embeddings.amax((0, 2, 3)) - decoder.embeddings.amin((0, 2, 3))
        allowed = {8: span / 255 / 2 * 1.001, 16: span * 2**-10, 32: span * 0}[embedding_bits]
        error = (read.embeddings - decoder.embeddings).abs().amax((0, 2, 3))
        assert (error <= allowed).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene.safetensors"]


def test_rewriting_a_scene_loses_no_more(tmp_path: Path) -> None:
    write_scene(tmp_path / "a.safetensors", tiny_scene())
    once = read_scene(tmp_path / "a.safetensors")
    write_scene(tmp_path / "b.safetensors", once)
    twice = read_scene(tmp_path / "b.safetensors")
    a, b = once.decoders["nerv360"], twice.decoders["nerv360"]
    assert torch.equal(a.embeddings, b.embeddings)
    assert all(torch.equal(a.weights[key], b.weights[key]) for key in a.weights)


def test_a_constant_embedding_survives_eight_bits(tmp_path: Path) -> None:
    scene = tiny_scene()
    scene.decoders["nerv360"].embeddings.fill_(0.3)
    write_scene(tmp_path / "s.safetensors", scene)
    read = read_scene(tmp_path / "s.safetensors").decoders["nerv360"].embeddings
    assert torch.equal(read, torch.full_like(read, 0.3))


def test_a_weight_beyond_half_precision_is_kept_whole(tmp_path: Path) -> None:
    scene = tiny_scene()
    weights = scene.decoders["nerv360"].weights
    key = next(iter(weights))
    weights[key].view(-1)[0] = 1e6
    write_scene(tmp_path / "s.safetensors", scene)
    assert read_scene(tmp_path / "s.safetensors").decoders["nerv360"].weights[key].max() == 1e6


def test_any_safetensors_reader_lists_it(tmp_path: Path) -> None:
    write_scene(tmp_path / "s.safetensors", tiny_scene("nerv360", "hnerv"))
    with safe_open(tmp_path / "s.safetensors", framework="np") as file:
        header = parse_json(file.metadata()["nerv360"])
        assert header["version"] == FORMAT_VERSION
        assert header["scene"]["material"]["title"] == "Pier"
        assert len(file.get_slice("nerv360.embeddings").get_shape()) == 1
        assert file.get_slice("nerv360.embeddings").get_dtype() == "U8"
        assert file.get_slice("nerv360.weights.head.conv.bias").get_shape() == [3]
        assert {name.split(".")[0] for name in file.keys()} == {"nerv360", "hnerv"}  # noqa: SIM118


def test_the_header_counts_every_byte_of_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    write_scene(path, tiny_scene("nerv360", "hnerv"), weight_bits=32)
    stored = read_header(path)
    tensors = sum(stored.weight_bytes.values()) + sum(stored.embedding_bytes.values())
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    assert stored.file_bytes == path.stat().st_size == header + tensors
    assert stored.still_bytes == 0
    scene = over_still_scene()
    write_scene(path, scene, embedding_bits=16)
    stored = read_header(path)
    shapes = scene.decoders["nerv360"].config.embedding_shapes
    assert stored.embedding_bytes == {"nerv360": 2 * 3 * sum(map(math.prod, shapes))}
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    rest = stored.weight_bytes["nerv360"] + stored.embedding_bytes["nerv360"]
    assert stored.still_bytes == stored.file_bytes - header - rest > 0


def test_one_decoder_can_be_read_and_weighed_alone(tmp_path: Path) -> None:
    path, alone = tmp_path / "s.safetensors", tmp_path / "alone.safetensors"
    write_scene(path, tiny_scene(*CONFIGS), weight_bits=32)
    for name in CONFIGS:
        scene = read_scene(path, name)
        assert list(scene.decoders) == [name]
        assert torch.equal(
            scene.decoders[name].embeddings, read_scene(path).decoders[name].embeddings
        )
        write_scene(alone, scene, weight_bits=32)
        assert bytes_alone(path, name) == alone.stat().st_size
    with pytest.raises(InputError, match="has no decoder avc, only nerv360, hnerv, hnerv-boost"):
        read_scene(path, "avc")


def test_writing_replaces_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    write_scene(path, tiny_scene())
    before = path.read_bytes()
    broken = tiny_scene()
    next(iter(broken.decoders["nerv360"].weights.values())).view(-1)[0] = float("nan")
    with pytest.raises(InputError, match=r"s\.safetensors cannot be written.*not finite"):
        write_scene(path, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_writing_where_there_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no/s\.safetensors cannot be written"):
        write_scene(tmp_path / "no" / "s.safetensors", tiny_scene())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fps": float("inf")}, "fps"),
        ({"frames": 4}, "embeddings"),
        ({"width": 0}, "width"),
        ({"decoders": {}}, "no decoder"),
    ],
)
def test_a_scene_that_would_not_open_is_not_written(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        write_scene(tmp_path / "s.safetensors", dataclasses.replace(tiny_scene(), **change))
    assert list(tmp_path.iterdir()) == []


def test_there_are_no_other_numbers_of_bits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 4 and 16"):
        write_scene(tmp_path / "s.safetensors", tiny_scene(), embedding_bits=4)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | texts
settings_values = st.dictionaries(
    st.text(string.ascii_letters, min_size=1), plain | st.lists(plain, max_size=3), max_size=4
)


@given(
    attribution=st.builds(Attribution, texts, texts, texts, texts),
    width=st.integers(1, 65_536),
    height=st.integers(1, 65_536),
    fps=st.floats(0.001, 1000),
    frames=st.integers(1, 100_000),
    training=st.builds(
        TrainingSummary,
        epochs=st.integers(0, 10**9),
        steps=st.integers(0, 10**9),
        psnr_db=st.none() | st.floats(-100, 200),
        ms_ssim=st.none() | st.floats(-1, 1),
        seconds=st.floats(0, 1e9),
        settings=settings_values,
    ),
    names=st.sets(st.sampled_from(list(CONFIGS)), min_size=1),
)
def test_every_valid_header_round_trips(
    attribution: Attribution,
    width: int,
    height: int,
    fps: float,
    frames: int,
    training: TrainingSummary,
    names: set[str],
) -> None:
    header = SceneHeader(
        attribution=attribution,
        width=width,
        height=height,
        fps=fps,
        frames=frames,
        configs={name: CONFIGS[name] for name in names},
        trainings=dict.fromkeys(names, training),
    )
    assert header_from_json(parse_json(header_to_json(header))) == header


def test_a_scene_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    write_scene(tmp_path / "s.safetensors", tiny_scene("nerv360"))
    assert (tmp_path / "s.safetensors").stat().st_mode == ordinary.stat().st_mode
