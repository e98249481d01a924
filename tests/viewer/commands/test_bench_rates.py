"""`nerv360 bench rates`: what it prints, writes and draws, and what a stop leaves."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.lab.evaluation.codec import Encoding, encode_with_crf
from nerv360.lab.rates import measure
from nerv360.training.settings import TrainingSettings
from nerv360.video import Clip, open_clip
from nerv360.video.writing import FolderWriter
from nerv360.viewer.cli import main
from tests.support.scenes import CONFIGS
from tests.support.spheres import smooth_sphere

SETTINGS = TrainingSettings(epochs=100, learning_rate=5e-3, held_out=2, crops=True)
NETWORKS = [
    "nerv360",
    "nerv360-last",
    "nerv360-levels",
    "nerv360-levels-still",
    "hnerv",
    "hnerv-levels-still",
    "hnerv-boost",
    "hnerv-boost-levels-still",
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three frames of 192×96: a square moves before a sphere that stands still."""
    with FolderWriter(tmp_path / "square") as writer:
        for index in range(3):
            picture = smooth_sphere(96, 192).clone()
            picture[30:60, 60 + 30 * index : 90 + 30 * index] = torch.tensor([250, 40, 30]).byte()
            writer.write(picture)
    return tmp_path / "square"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that train in no time, and few rates."""

    def presets(
        name: str, scale: object
    ) -> tuple[dict[str, ModelConfig], dict[str, TrainingSettings]]:
        trio = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}
        return trio, dict.fromkeys(trio, SETTINGS)

    monkeypatch.setattr("nerv360.lab.rates.scaled_presets", presets)
    monkeypatch.setattr(measure, "CRFS", {"x265": (45, 20), "av1": (50, 25)})
    monkeypatch.setattr(measure, "RATES", (measure.RATES[0], measure.RATES[-1]))


@pytest.mark.slow
def test_table_3_is_printed_written_and_drawn(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, plot = tmp_path / "table3.json", tmp_path / "table3.png"
    options = ["--epochs", "2", "--device", "cpu", "-o", str(file), "--plot", str(plot)]
    assert main(["bench", "rates", str(clip), *options]) == 0
    said = capsys.readouterr().out
    for wanted in (
        "HNeRV-Boost, levels, still",
        "AV1",
        "CRF 20",
        "256 levels, 12 bits",
        "Best network",
    ):
        assert wanted in said
    report = json.loads(file.read_text())
    assert report["complete"]
    assert report["frames"] == 3
    assert report["epochs"] == 2
    assert {"commit", "processor", "viewport", "paths"} <= report.keys()
    rows = {row["method"]: row for row in report["rows"]}
    assert list(rows) == report["methods"] == ["x265", "av1", *NETWORKS]
    for name, row in rows.items():
        few, many = row["points"]
        assert 0 < few["bytes"] < many["bytes"]
        for point in row["points"]:
            assert 5 < point["psnr_db"] < 60
            assert 5 < point["moving_db"] < 60
            along = [psnr for psnr, _ in point["paths"].values()]
            assert point["psnr_db"] == pytest.approx(sum(along) / len(along), abs=0.01)
        assert row["steps"] == (6 if name in NETWORKS else None)
    for name in ("x265", "av1"):
        low, high = (point["psnr_db"] for point in rows[name]["points"])
        assert low < high
    trainings = [row["training"] for row in rows.values()]
    assert [it and it.keys() for it in trainings] == [None] * 2 + [SETTINGS.to_dict().keys()] * 8
    plain, last, levels, over = (rows[name]["network"] for name in NETWORKS[:4])
    assert (plain["level_channels"], plain["still_panorama"]) == ([], False)
    assert last == plain | {"project_after": len(plain["strides"])}
    assert (bool(levels["level_channels"]), levels["still_panorama"]) == (True, False)
    assert (over["level_channels"], over["still_panorama"]) == (levels["level_channels"], True)
    bytes_ = [rows[name]["points"][0]["bytes"] for name in NETWORKS[1:4]]
    assert bytes_ == sorted(set(bytes_)), "what a decoder needs besides is counted with it"
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_ctrl_c_keeps_the_methods_that_are_finished(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoded = list[str]()

    def interrupted(clip: Clip, frames: int, codec: str, crf: float, output: Path) -> Encoding:
        encoded.append(codec)
        if encoded.count("av1") == 2:
            signal.raise_signal(signal.SIGINT)
        return encode_with_crf(clip, frames, codec, crf, output)

    monkeypatch.setattr(measure, "encode_with_crf", interrupted)
    file, plot = tmp_path / "table3.json", tmp_path / "table3.png"
    options = ["--device", "cpu", "-o", str(file), "--plot", str(plot)]
    assert main(["bench", "rates", str(clip), *options]) == 130
    assert "stopped early: 1 of 10 methods are finished" in capsys.readouterr().out
    report = json.loads(file.read_text())
    assert not report["complete"]
    assert [row["method"] for row in report["rows"]] == ["x265"]
    assert plot.exists()


def test_the_pictures_that_all_are_held_against_are_resized_and_whole(tmp_path: Path) -> None:
    noise = torch.Generator().manual_seed(0)
    grey = torch.randint(256, (3, 96, 192, 1), generator=noise).byte().expand(-1, -1, -1, 3)
    with FolderWriter(tmp_path / "noise") as writer:
        for picture in grey:
            writer.write(picture.contiguous())
    whole, half = tmp_path / "whole.mp4", tmp_path / "half.mp4"
    measure.prepared_clip(open_clip(tmp_path / "noise"), (96, 192), None, whole)
    measure.prepared_clip(open_clip(tmp_path / "noise"), (48, 96), 2, half)
    for before, after in zip(grey, open_clip(whole), strict=True):
        assert int((before.int() - after.int()).abs().max()) <= 2
    info = open_clip(half).info
    assert (info.width, info.height, info.frames) == (96, 48, 2)
