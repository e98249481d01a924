"""A new architecture is one class and one entry; train, render, view and bench follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from nerv360.config import ModelConfig
from nerv360.geometry import Look
from nerv360.lab.worker import WorkerError
from nerv360.scene import read_scene, write_scene
from nerv360.video.writing import VideoWriter
from nerv360.viewer.cli import main
from nerv360.viewer.decode.look_prediction import Request
from nerv360.viewer.decode.scene_source import engine_source
from nerv360.viewer.decode.session import DecodeSession
from tests.support.scenes import tiny_scene
from tests.support.toys import Toy, ToyViewport, added

CPU = torch.device("cpu")


@pytest.fixture(params=[Toy, ToyViewport])
def toy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    return added(request.param, monkeypatch)


@pytest.fixture
def scene(toy: ModelConfig, tmp_path: Path) -> Path:
    write_scene(tmp_path / "pier.safetensors", tiny_scene(toy.architecture))
    return tmp_path / "pier.safetensors"


def test_it_renders(scene: Path, tmp_path: Path) -> None:
    output = tmp_path / "view.png"
    command = ["render", str(scene), "-o", str(output), "--device", "cpu", "--size", "48x32"]
    assert main([*command, "--frame", "2"]) == 0
    with Image.open(output) as image:
        assert image.size == (48, 32)


def test_the_viewer_decodes_it(toy: ModelConfig) -> None:
    source = engine_source(tiny_scene(toy.architecture), toy.architecture, CPU)
    session = DecodeSession(source, lambda: None)
    session.begin()
    picture = session.decode(Request(Look(), 16 / 9, 1))
    assert picture is not None
    assert picture.equirectangular == (toy.architecture == "toy")


def not_asked_for(*_: object) -> None:
    raise WorkerError("not asked for")


def test_it_is_measured(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nerv360.lab.benchmarks.ceilings.CPU_SIDE", 64)
    monkeypatch.setattr("nerv360.lab.benchmarks.measure_decoding", not_asked_for)
    monkeypatch.setattr("nerv360.viewer.commands.bench_uploads.measure_uploads", lambda *_: [])
    report = tmp_path / "bench.json"
    command = [
        "bench",
        "engines",
        str(scene),
        "--device",
        "cpu",
        "--pictures",
        "3",
        "-o",
        str(report),
    ]
    assert main(command) == 0
    rows = {row["engine"]: row for row in json.loads(report.read_text())["engines"]}
    assert {"eager", "folded"} <= set(rows)
    # Where a processor draws, the graphics card's engine is a row that says so.
    assert not any("failed" in row for engine, row in rows.items() if engine != "gl")
    assert {"stem", "head"} <= set(rows["eager"]["stages_ms"])


@pytest.mark.slow
def test_it_is_trained(toy: ModelConfig, tmp_path: Path) -> None:
    clip, target = tmp_path / "clip.mp4", tmp_path / "clip.safetensors"
    with VideoWriter(clip, 128, 64, 20) as video:
        for grey in (60, 120):
            video.write(torch.full((64, 128, 3), grey, dtype=torch.uint8))
    size = ["--set=viewport_width=96", "--set=viewport_height=64"]
    command = ["train", str(clip), "-o", str(target), "--device=cpu", "--epochs=1", *size]
    assert main([*command, "--preset=demo", f"--model={toy.architecture}"]) == 0
    assert list(read_scene(target).decoders) == [toy.architecture]
