"""`nerv360 bench` with its tables: what they print, write and refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.lab.benchmarks import table1
from nerv360.lab.benchmarks.parts import measure_part_here
from nerv360.lab.benchmarks.sizes import METHODS, SizeFailure, measure
from nerv360.lab.benchmarks.sizes.clips import encode_clip_here
from nerv360.lab.benchmarks.sizes.sample import SizeSample, SizeTask, measure_sample_here
from nerv360.lab.benchmarks.table2 import Ablation
from nerv360.training.settings import TrainingSettings
from nerv360.video import Clip
from nerv360.video.writing import FolderWriter
from nerv360.viewer.cli import main
from tests.support.scenes import CONFIGS, TINY

TRIO = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}
BASE = TINY.replace(frame_height=96, frame_width=192, encoder_strides=(4, 2))
SETTINGS = TrainingSettings(epochs=100, learning_rate=5e-3, held_out=2)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three frames of noise, 192×96."""
    generator = torch.Generator().manual_seed(0)
    with FolderWriter(tmp_path / "noise") as writer:
        for _ in range(3):
            writer.write(torch.randint(256, (96, 192, 3), dtype=torch.uint8, generator=generator))
    return tmp_path / "noise"


@pytest.fixture
def tiny_table1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the three decoders of a tiny comparison in this process."""
    monkeypatch.setattr("nerv360.lab.benchmarks.comparison", lambda preset, scale: TRIO)
    monkeypatch.setattr(table1, "measure_part", measure_part_here)


@pytest.fixture
def tiny_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a preset that trains in no time."""

    def small(name: str, architecture: str) -> tuple[ModelConfig, TrainingSettings]:
        return BASE, SETTINGS

    monkeypatch.setattr("nerv360.training.training_preset", small)


@pytest.mark.slow
def test_what_does_not_fit_is_refused_with_a_scale_that_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table1, "free_bytes", lambda device: 8 * 2**30)
    assert main(["bench", "paper-table-1", "--device", "cpu"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    found = re.search(r"training nerv360 would take ([\d.]+) GiB", said.err)
    assert found is not None
    assert float(found[1]) > 7.2
    assert "7.2 GiB can be used; try 1/4" in said.err


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_table1")
def test_table_1_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "table1.json"
    options = ["--scale", "1/8", "--device", "cpu", "--pictures", "3", "-o", str(file)]
    assert main(["bench", "paper-table-1", *options]) == 0
    said = capsys.readouterr().out
    for wanted in ("1/8 of the sides", "HNeRV-Boost", "38.4", "73.2", "torch", "threads"):
        assert wanted in said
    report = json.loads(file.read_text())
    assert report["scale"] == "1/8"
    assert {"date", "device", "threads", "torch"} <= set(report)
    for row in report["rows"]:
        for part in row["parts"].values():
            first, median, third = part["quartiles_ms"]
            assert 0 < first <= median <= third
            assert part["fps"] == pytest.approx(1000 / median)
    words = " ".join(said.split())
    precision = r"(b?float\d+)"
    assert re.search(
        rf"Decoding: NeRV360, folded engine, {precision}; HNeRV, folded engine, float32; "
        rf"HNeRV-Boost, folded engine, \1", words
    )  # fmt: skip
    fps = [row["parts"]["decoding"]["fps"] for row in report["rows"]]
    assert report["ratios"]["decoding FPS"]["measured"][2] == pytest.approx(fps[2] / fps[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["paper-table-1", "--sizes", "1024"], "No such option: --sizes"),
        (["sizes", "--sizes", "1024,wide"], "--sizes: give widths such as 1024,2048"),
        (["sizes", "--sizes", "1028"], "--sizes: the frame of 1028x514 must be divisible"),
        (["sizes", "--preset", "huge"], "--preset: the preset must be one of paper, demo"),
        (["sizes", "--limit", "0"], "--limit 0: give 1 to 86400"),
        (["sizes", "--plot", "table.jpg"], "--plot table.jpg: name a file of its own"),
        (["sizes", "missing.mp4"], "missing.mp4 does not exist"),
        (["paper-table-1", "--scale", "1/7"], "--scale: "),
        (["paper-table-1", "--preset", "huge"], "--preset: the preset must be one of paper, demo"),
        (["paper-table-2"], "Missing argument"),
        (["paper-table-2", "missing.mp4"], "missing.mp4"),
        (["rates", "missing.mp4"], "missing.mp4 does not exist"),
        (["rates", "c.mp4", "--scale", "1/7"], "--scale: "),
        (["rates", "c.mp4", "--preset", "huge"], "--preset: the preset must be one of"),
        (["rates", "c.mp4", "--plot", "table.jpg"], "--plot table.jpg: name a file"),
        (["engines", "a.safetensors", "--preset", "demo"], "either a scene file or --preset"),
        (["engine"], "No such command"),
        (["--table", "1", "--scale", "1/8"], "write nerv360 bench paper-table-1 --scale 1/8"),
        (["--table=2", "c.mp4", "--seeds", "2"], "nerv360 bench paper-table-2 c.mp4 --seeds 2"),
        (["c d.mp4", "--table", "3"], "write nerv360 bench rates 'c d.mp4'"),
        (["--table", "4"], "write nerv360 bench sizes"),
        (["--table", "7"], "write nerv360 bench COMMAND"),
        (["--preset", "demo"], "write nerv360 bench engines --preset demo"),
        ([__file__], f"write nerv360 bench engines {__file__}"),
    ],
)
def test_bad_options_are_one_sentence(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert said in printed


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_preset")
def test_table_2_is_printed_and_written(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table2.json"
    options = ["--epochs", "1", "--frames", "3", "--seeds", "2", "--device", "cpu", "-o", str(file)]
    assert main(["bench", "paper-table-2", str(clip), *options]) == 0
    said = capsys.readouterr().out
    assert "26.69" in said
    assert "Balboa" in said
    report = json.loads(file.read_text())
    assert report["complete"]
    assert report["frames"] == 3
    assert report["seeds"] == [0, 1]
    assert len(report["rows"]) == 7
    for row in report["rows"]:
        assert row["steps"] == 3
        assert row["seconds"] > 0
        for key in ("psnr_db", "moving_db"):
            assert len(row[key]) == 2
            assert all(0 < value < 60 for value in row[key])


@pytest.mark.usefixtures("tiny_preset")
def test_an_interrupt_leaves_what_is_finished(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def one(*_: object) -> Iterator[Ablation]:
        seeds, psnr = [0, 1, 2], [20.0, 20.1, 20.2]
        yield Ablation(
            "NeRV360", (1, 12, 24), 1000, 9, 3, 0.1, seeds, psnr, [None] * 3, 26.69, 27.0
        )

    monkeypatch.setattr("nerv360.lab.benchmarks.train_variants", one)
    file = tmp_path / "table2.json"
    options = ["--device", "cpu", "-o", str(file)]
    assert main(["bench", "paper-table-2", str(clip), *options]) == 130
    assert "1 of 7 variants are finished" in capsys.readouterr().out
    report = json.loads(file.read_text())
    assert not report["complete"]
    assert report["training"].keys() == SETTINGS.to_dict().keys(), "as scenes store them"


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 4 of tiny decoders, measured in this process."""

    def small(preset: str, widths: list[int]) -> dict[int, dict[str, ModelConfig]]:
        return {
            w: {n: c.replace(frame_width=w, frame_height=w // 2) for n, c in CONFIGS.items()}
            for w in widths
        }

    monkeypatch.setattr("nerv360.lab.benchmarks.sized_configs", small)

    def sample(task: SizeTask, limit_s: float) -> SizeSample:
        return measure_sample_here(task)

    def encode(source: Clip, codec: str, width: int, output: Path, limit_s: float) -> str:
        return encode_clip_here(source, codec, width, output)

    monkeypatch.setattr("nerv360.lab.benchmarks.sizes.clips.KEPT_BYTES", 2**20)
    monkeypatch.setattr(measure, "PROCESSES", 1)
    monkeypatch.setattr(measure, "measure_sample", sample)
    monkeypatch.setattr(measure, "encode_clip", encode)


@pytest.mark.slow
@pytest.mark.usefixtures("small_sizes")
def test_table_4_is_printed_written_and_drawn(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, plot = tmp_path / "table4.json", tmp_path / "table4.png"
    options = ["--sizes", "384,192", "--pictures", "3", "--device", "cpu", "-o", str(file)]
    assert main(["bench", "sizes", str(clip), *options, "--plot", str(plot)]) == 0
    said = capsys.readouterr().out
    for wanted in ("NeRV360", "HNeRV-Boost", "x265", "AV1", "384x192", "jumping", "RGBA", "load"):
        assert wanted in said
    report = json.loads(file.read_text())
    assert report["complete"]
    assert report["sizes"] == [192, 384]
    assert {"commit", "processor", "load_average_before"} <= report.keys()
    assert [(row["method"], row["frame"]) for row in report["rows"]] == [
        (method, [w // 2, w]) for w in (192, 384) for method in METHODS
    ]
    for row in report["rows"]:
        assert row["memory_range"] == [row["memory_bytes"]] * 2
        for way in ("looking", "playing", "jumping"):
            first, median, third = row[way]["quartiles_ms"]
            assert 0 < first <= median <= third
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("small_sizes")
def test_an_interrupt_keeps_the_sizes_that_are_finished(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def one(*_: object) -> Iterator[SizeFailure]:
        yield SizeFailure("nerv360", (96, 192), "decoding would take 9 GiB")
        raise KeyboardInterrupt

    monkeypatch.setattr("nerv360.lab.benchmarks.measure_sizes", one)
    named = clip.rename(tmp_path / "Title [abc] :cat:")
    file, plot = tmp_path / "table4.json", tmp_path / "table4.png"
    options = ["--sizes", "192", "-o", str(file), "--plot", str(plot)]
    assert main(["bench", "sizes", str(named), "--device", "cpu", *options]) == 130
    said = capsys.readouterr().out
    assert "Title [abc] :cat:" in " ".join(said.split())
    assert "NeRV360 at 192x96: not measured: decoding would take 9 GiB" in said
    assert "stopped early: 1 of 7 rows are finished" in said
    assert not json.loads(file.read_text())["complete"]
    assert plot.exists()
