"""Table 2: the paper's ablations, their budgets, and a tiny run of them all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nerv360.errors import InputError
from nerv360.lab.benchmarks import table2 as ablations
from nerv360.lab.benchmarks.table2 import (
    brief_training,
    check_training_memory,
    differences,
    mean_and_spread,
    table2_variants,
    train_variants,
)
from nerv360.networks import count_flops, count_parameters, preset
from nerv360.training.dataset import read_clip
from nerv360.training.settings import TrainingSettings
from nerv360.video import open_clip
from nerv360.video.writing import VideoWriter
from tests.support.scenes import TINY

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablations, "free_bytes", lambda device: 2**30)
    check_training_memory(BASE, 3, CPU)
    with pytest.raises(InputError, match=r"on 20000 frames would take 1.* a smaller scale"):
        check_training_memory(BASE, 20_000, CPU)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_a_stop_keeps_what_is_finished(
    clip: Path,
) -> None:
    frames, settings = read_clip(open_clip(clip), (96, 192)), brief_training(SETTINGS, 1)
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
