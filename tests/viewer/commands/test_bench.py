"""`nerv360 bench engines`: what it prints and what it keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from nerv360 import devices
from nerv360.decoding import ENGINES
from nerv360.decoding.eager import EagerEngine
from nerv360.decoding.engine import Engine, Picture
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.lab.benchmarks import ceilings
from nerv360.lab.benchmarks.decoding import measure_decoding
from nerv360.lab.worker import WorkerError
from nerv360.networks import count_flops, count_traffic, in_crops
from nerv360.scene import write_scene
from nerv360.viewer.cli import main
from nerv360.viewer.commands import bench_uploads
from tests.support.scenes import CONFIGS, tiny_scene


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Return a file with two decoders."""
    file = tmp_path / "pier.safetensors"
    write_scene(file, tiny_scene("nerv360", "hnerv"))
    return file


def bench(scene: Path, *options: str) -> int:
    return main(["bench", "engines", str(scene), "--device", "cpu", "--pictures", "3", *options])


def bfloat16(monkeypatch: pytest.MonkeyPatch, multiplied: bool) -> None:
    """Let the processor multiply bfloat16, or not."""
    for owner in (devices, ceilings):
        monkeypatch.setattr(owner, "multiplies_bfloat16", lambda: multiplied)


@pytest.fixture(autouse=True)
def _plain_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a processor without bfloat16, and small matrices, which take no time.

    One process for each memory is enough here.
    """
    one = partial(measure_decoding, processes=1)
    monkeypatch.setattr("nerv360.lab.benchmarks.measure_decoding", one)
    monkeypatch.setattr(ceilings, "CPU_SIDE", 64)
    bfloat16(monkeypatch, False)


@pytest.mark.slow
@pytest.mark.usefixtures("display")
def test_it_measures_every_engine_and_the_way_to_the_screen(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    assert bench(scene, "-o", str(file)) == 0
    said = capsys.readouterr().out
    report = json.loads(file.read_text())
    rows = [(row["decoder"], row["engine"]) for row in report["engines"]]
    engines = ("eager", "folded", "gl")
    assert rows == [
        *[(n, engine) for n in ("nerv360", "hnerv") for engine in engines],
        *[("hnerv crops", engine) for engine in ("eager", "folded")],
    ]
    for row in report["engines"]:
        if row["engine"] == "gl" and "failed" in row:
            assert row["failed"].endswith(" draws on the CPU")
            assert said.count(f"gl: not measured: {row['failed']}\n") == 1
            continue
        name, _, crops = row["decoder"].partition(" ")
        config = in_crops(CONFIGS[name]) if crops else CONFIGS[name]
        assert row["flops"] == count_flops(config)
        assert row["look_flops"] == count_flops(config, look_alone=True)
        assert row["traffic_bytes"] == count_traffic(config, 4)
        ways = ("playing",) if row["decoder"] == "hnerv" else ("looking", "playing")
        for way in ways:
            assert 0 < row[way]["median_ms"] <= row[way]["slowest_percent_ms"]
            assert row[way]["share"] == 1, "there is no still panorama"
    assert report["engines"][3]["looking"] is None, "a whole frame is not decoded for a look"
    assert re.search(r"hnerv\s+│ eager\s+│\s+– │\s+– │\s+\d", said)
    assert [tuple(upload["size"]) for upload in report["uploads"]] == [(24, 48), (48, 96)]
    assert "upload of 48x24" in said
    assert report["memory"].keys() == {"nerv360", "hnerv"}
    assert {"date", "commit", "processor", "torch", "driver"} <= report.keys()


@pytest.mark.slow
def test_the_floor_is_measured_in_the_precision_of_each_engine(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    bfloat16(monkeypatch, True)
    assert bench(scene, "-o", str(file)) == 0
    said, report = capsys.readouterr().out, json.loads(file.read_text())
    rates = report["ceilings"]["gflops"]
    assert rates.keys() == {"float32", "bfloat16"}
    rows = {(row["decoder"], row["engine"]): row for row in report["engines"]}
    half = rows["nerv360", "folded-bfloat16"]
    assert half["precision"] == "bfloat16"
    assert half["traffic_bytes"] == count_traffic(CONFIGS["nerv360"], 2)
    assert rows["nerv360", "folded"]["precision"] == "float32"
    for row in report["engines"]:
        if row["engine"] == "gl":
            continue
        assert f"{rates[row['precision']] * 1e9 / row['look_flops']:.1f}" in said


@pytest.mark.slow
def test_without_a_display_all_but_the_uploads_is_measured(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("no display to open a window on was found")

    monkeypatch.setattr(bench_uploads, "Window", refuse)
    monkeypatch.setattr("nerv360.viewer.picture.Window", refuse)
    assert bench(scene) == 0
    said = capsys.readouterr().out
    assert "upload: not measured: no display" in said
    assert re.findall(r".*gl: .*", said) == [
        "gl: not measured: there is no display with OpenGL 3.3 to draw on"
    ]


def broken(*_: object, **__: object) -> Engine:
    raise RuntimeError(
        "backend='inductor' raised:\nInvalidCxxCompiler: No C++ compiler [clang]\n\n…"
    )


class TooLarge(EagerEngine):
    """Fails when it decodes."""

    def decode(self, look: Look, frame: int) -> Picture:
        raise torch.OutOfMemoryError


@pytest.mark.slow
@pytest.mark.usefixtures("display")
@pytest.mark.parametrize(
    ("name", "engine", "kept", "reason"),
    [
        (
            "folded",
            broken,
            [("nerv360", "eager"), ("hnerv", "eager"), ("hnerv crops", "eager")],
            "\nfolded: not measured: RuntimeError: backend='inductor' raised: "
            "InvalidCxxCompiler: No C++ compiler [clang]\n",
        ),
        (
            "eager",
            TooLarge,
            [("nerv360", "folded"), ("hnerv", "folded"), ("hnerv crops", "folded")],
            "\neager: not measured: the device is out of memory; close what else uses it\n",
        ),
    ],
)
def test_an_engine_that_cannot_be_measured_is_a_row_that_says_why(
    scene: Path, tmp_path: Path, name: str, engine: Callable[..., Engine],
    kept: list[tuple[str, str]], reason: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(ENGINES, name, replace(ENGINES[name], opener=engine))
    file = tmp_path / "bench.json"
    assert bench(scene, "-o", str(file)) == 0
    assert reason in capsys.readouterr().out
    report = json.loads(file.read_text())
    rows = [row for row in report["engines"] if row["engine"] != "gl"]
    assert [(r["decoder"], r["engine"]) for r in rows if "failed" not in r] == kept
    assert len(rows) == 6
    assert all(r["failed"] in reason for r in rows if "failed" in r)
    assert report["memory"]["hnerv"]["bytes"] > 0
    assert report["uploads"]


@pytest.mark.slow
def test_a_decoder_whose_memory_cannot_be_measured_keeps_its_speed(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str, _: object) -> None:
        raise WorkerError(f"measuring the speed of {name} failed: Killed")

    monkeypatch.setattr("nerv360.lab.benchmarks.measure_decoding", fails)
    file = tmp_path / "bench.json"
    assert bench(scene, "-o", str(file)) == 0
    report = json.loads(file.read_text())
    assert report["memory"]["hnerv"] == {"failed": "measuring the speed of hnerv failed: Killed"}
    assert len([row for row in report["engines"] if row["engine"] != "gl"]) == 6


def test_a_result_that_exists_is_kept(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    file.write_text("mine")
    assert bench(scene, "-o", str(file)) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert file.read_text() == "mine"
