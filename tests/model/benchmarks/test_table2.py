"""Table 2: the paper's ablations, their budgets, and a tiny run of them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from model.benchmarks import table2 as ablations
from model.benchmarks.table2 import (
    Ablation,
    brief_training,
    check_training_memory,
    differences,
    mean_and_spread,
    table2_variants,
    train_variants,
)
from model.config import ModelConfig
from model.errors import InputError
from model.networks.cost import count_flops, count_parameters
from model.networks.registry import preset
from model.training.dataset import read_clip
from model.training.settings import TrainingSettings
from model.video.writing import VideoWriter
from tests.support.scenes import TINY
from viewer.cli import main

CPU = torch.device("cpu")
BASE = TINY.replace(frame_height=96, frame_width=192, encoder_strides=(4, 2))
SETTINGS = TrainingSettings(epochs=100, learning_rate=5e-3, held_out=2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of noise, 192×96."""
    path = tmp_path_factory.mktemp("clip") / "noise.mp4"
    generator = torch.Generator().manual_seed(0)
    with VideoWriter(path, 192, 96, 10.0) as writer:
        for _ in range(3):
            writer.write(torch.randint(256, (96, 192, 3), dtype=torch.uint8, generator=generator))
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset that trains in no time."""

    def small(name: str, architecture: str) -> tuple[ModelConfig, TrainingSettings]:
        return BASE, SETTINGS

    monkeypatch.setattr("model.training.settings.training_preset", small)


def test_the_papers_embeddings_at_one_budget() -> None:
    base = preset("paper")
    rows = table2_variants(base)
    sizes = [(v.config.embedding_channels, *v.config.embedding_size) for v in rows]
    assert sizes == [
        (1, 128, 256),
        (4, 64, 128),
        (16, 32, 64),
        (1, 64, 128),
        (1, 32, 64),
        (1, 128, 256),
        (1, 128, 256),
    ]
    for variant in rows[:-1]:
        assert count_parameters(variant.config) == pytest.approx(count_parameters(base), rel=0.01)
        assert variant.config.viewport_embedding_size == (45, 80)
    assert not rows[5].config.expand_before_projection
    assert not rows[6].config.condition_on_look


def test_yaw_and_pitch_are_left_out_in_the_last_row_alone() -> None:
    for name in ("paper", "demo"):
        rows = table2_variants(preset(name))
        assert [row.config.condition_on_look for row in rows] == [True] * 6 + [False]


@pytest.mark.parametrize("name", ["paper", "demo"])
def test_no_row_is_another_network(name: str) -> None:
    rows = table2_variants(preset(name))
    assert {row.config.widths for row in rows} == {preset(name).widths}
    without, whole = rows[6].config, rows[0].config
    assert count_flops(without) == pytest.approx(count_flops(whole), rel=0.01)
    assert count_parameters(without) < count_parameters(whole)


def test_mean_spread_and_differences_are_over_seeds() -> None:
    assert mean_and_spread([30.0, 31.0, 32.0]) == (31.0, 1.0)
    assert mean_and_spread([30.0]) == (30.0, 0.0)
    assert mean_and_spread([30.0, None]) is None
    assert mean_and_spread(differences([30.0, 32.0], [29.0, 32.0])) == pytest.approx(
        (0.5, 0.7071068)
    )


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablations, "free_bytes", lambda device: 2**30)
    check_training_memory(BASE, 3, CPU)
    with pytest.raises(InputError, match=r"on 20000 frames would take 1.* a smaller scale"):
        check_training_memory(BASE, 20_000, CPU)


def test_the_same_seed_gives_the_same_numbers_and_a_stop_keeps_what_is_finished(
    clip: Path,
) -> None:
    frames, settings = read_clip(clip, (96, 192)), brief_training(SETTINGS, 1)
    rows = table2_variants(BASE)[:2]
    nothing, never = lambda *_: None, lambda: False
    first = list(train_variants(rows, settings, frames, CPU, [0, 1], nothing, never))
    seen: list[str] = []

    def stop() -> bool:
        return rows[1].name in seen

    again = list(
        train_variants(rows, settings, frames, CPU, [0, 1], lambda v, _: seen.append(v.name), stop)
    )
    assert [row.name for row in first] == [row.name for row in rows]
    assert [row.psnr_db for row in again] == [first[0].psnr_db]
    assert first[0].steps == 3
    assert first[0].seeds == [0, 1]
    assert first[0].psnr_db[0] != first[0].psnr_db[1]
    assert len(first[0].moving_db) == 2


@pytest.mark.usefixtures("tiny")
def test_the_command_prints_all_rows_and_writes_them(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table2.json"
    options = ["--epochs", "1", "--frames", "3", "--seeds", "2", "--device", "cpu", "-o", str(file)]
    assert main(["bench", "--table", "2", str(clip), *options]) == 0
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


@pytest.mark.usefixtures("tiny")
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

    monkeypatch.setattr(ablations, "train_variants", one)
    file = tmp_path / "table2.json"
    options = ["--device", "cpu", "-o", str(file)]
    assert main(["bench", "--table", "2", str(clip), *options]) == 130
    assert "1 of 7 variants are finished" in capsys.readouterr().out
    assert not json.loads(file.read_text())["complete"]
