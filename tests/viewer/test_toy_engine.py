"""A new engine is one class and one entry, from which choice, render, view and bench follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nerv360.decoding import ENGINES, EngineKind, Picture, engine_help, open_engine
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.lab.worker import WorkerError
from nerv360.scene import Decoder, write_scene
from nerv360.viewer.cli import main
from nerv360.viewer.decode.look_prediction import Request
from nerv360.viewer.decode.scene_source import engine_source
from nerv360.viewer.decode.session import DecodeSession
from tests.support.scenes import tiny_scene

CPU = torch.device("cpu")


class Grey:
    """Shows the frame's number as a grey."""

    name, ring, full_frame, precision = "grey", 1, False, torch.float64
    hfov_range = (0.5, 2.0)
    still: torch.Tensor | None = None

    def __init__(self, decoder: Decoder, device: torch.device, size: tuple[int, int]) -> None:
        self.device, self.size = device, size

    def decode(self, look: Look, frame: int) -> Picture:
        pixels = torch.full((*self.size, 4), 100 + frame, dtype=torch.uint8)
        return Picture(pixels, Look(look.yaw, look.pitch, 0.0, look.hfov), frame, False, 0.001)


@pytest.fixture(autouse=True)
def _entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "grey", EngineKind("grey", "a grey", Grey, devices=("cpu", "mps")))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    write_scene(tmp_path / "pier.safetensors", tiny_scene())
    return tmp_path / "pier.safetensors"


def test_it_is_offered_where_it_runs() -> None:
    assert "auto, eager, folded, gl, grey;" in engine_help()
    assert open_engine(tiny_scene(), "nerv360", CPU, kind="grey").name == "grey"
    with pytest.raises(InputError, match="grey engine needs the CPU or a Metal device, not cuda"):
        open_engine(tiny_scene(), "nerv360", torch.device("cuda"), kind="grey")


def test_it_renders(scene: Path, tmp_path: Path) -> None:
    from PIL import Image

    output = tmp_path / "view.png"
    command = ["render", str(scene), "-o", str(output), "--device", "cpu", "--engine", "grey"]
    assert main([*command, "--frame", "2"]) == 0
    with Image.open(output) as image:
        assert image.getextrema() == ((102, 102),) * 3


def test_the_viewer_decodes_with_it_and_falls_back_from_it() -> None:
    session = DecodeSession(engine_source(tiny_scene(), "nerv360", CPU, "grey"), lambda: None)
    session.begin()
    picture = session.decode(Request(Look(), 16 / 9, 1))
    assert picture is not None
    assert (picture.pixels[..., 0] == 101).all()
    session.give_up(RuntimeError("no more greys"))
    assert session.report.engine is not None
    assert session.report.engine.name in ("folded", "folded-bfloat16")


def not_asked_for(*_: object) -> None:
    raise WorkerError("not asked for")


@pytest.mark.slow
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
    assert rows["grey"]["playing"]["median_ms"] == 1.0
