"""Whatever can refuse a scene is found out before the first step of its training."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from model.errors import InputError
from model.scene import read_scene, write_scene
from model.training.trainer import Trainer
from model.video.writing import FolderWriter, VideoWriter
from tests.support.scenes import tiny_scene
from viewer.cli import main

TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=16", "--set=viewport_width=96",
    "--set=viewport_height=64", "--set=held_out=2", "--epochs=1",
]  # fmt: skip


@pytest.fixture(scope="session")
def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(256, (64, 128, 3), dtype=torch.uint8, generator=generator) for _ in range(3)
    ]


@pytest.fixture
def clip(tmp_path: Path, pictures: list[Tensor]) -> Path:
    folder = tmp_path / "clip"
    with FolderWriter(folder) as writer:
        for picture in pictures:
            writer.write(picture)
    return folder


def refused(clip: Path, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a training says that must end before its first step."""
    first = AssertionError("a step was made")
    with patch.object(Trainer, "_train_step", side_effect=first):
        assert main(["train", str(clip), *options, *TINY]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("option", ["--title", "--licence", "--credit"])
@pytest.mark.parametrize("text", ["x" * 2001, "caf\udce9"])
def test_texts(
    clip: Path, tmp_path: Path, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    assert option in refused(clip, "-o", str(target), option, text, capsys=capsys)
    assert [file.name for file in tmp_path.iterdir()] == ["clip"]


def test_a_rate_that_no_scene_has(
    tmp_path: Path, pictures: list[Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    fast = tmp_path / "fast.mp4"
    with VideoWriter(fast, 128, 64, 2000.0) as writer:
        for picture in pictures * 2:
            writer.write(picture)
    said = refused(fast, "-o", str(tmp_path / "s.safetensors"), capsys=capsys)
    assert "fps must be between 0.001 and 1000" in said
    assert "s.safetensors" in said
    assert [file.name for file in tmp_path.iterdir()] == ["fast.mp4"]


def test_a_scene_of_another_size(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "other.safetensors"
    write_scene(target, tiny_scene())
    before = target.read_bytes()
    said = refused(clip, "--into", str(target), "--model=hnerv", capsys=capsys)
    assert "--into: the scene's width is 96 and the clip's 128" in said
    assert target.read_bytes() == before


@pytest.mark.parametrize("name", ["a" * 240 + ".safetensors", "folder.safetensors"])
def test_a_name_that_cannot_be_written(
    clip: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    target = tmp_path / name
    assert f"-o {target}" in refused(clip, "-o", str(target), "--overwrite", capsys=capsys)


def test_a_full_disk(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "s.safetensors"
    full = OSError(28, "No space left on device")
    with patch("model.scene.writing.save_file", side_effect=full):
        said = refused(clip, "-o", str(target), capsys=capsys)
    assert f"{target} cannot be written: No space left on device" in said


def test_a_clip_whose_name_is_no_text(clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        clip.rename(odd)
    except OSError:
        pytest.skip("this file system has no such names")
    target = tmp_path / "s.safetensors"
    assert main(["train", str(odd), "-o", str(target), *TINY]) == 0
    assert read_scene(target).material.title == "caf�"


def test_a_diverged_training_ends(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    with patch.object(Trainer, "_train_step", return_value=float("nan")) as step:
        assert main(["train", str(clip), "-o", str(target), *TINY]) == 2
    assert step.call_count == 1
    assert "diverged" in capsys.readouterr().err


def test_a_scene_that_is_refused_at_last_can_be_resumed(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    command = ["train", str(clip), "-o", str(target), *TINY]
    full = InputError(f"{target} cannot be written: No space left on device")
    with patch("model.scene.write_scene", side_effect=full):
        assert main(command) == 2
    with patch.object(Trainer, "_train_step", side_effect=AssertionError("a step was made")):
        assert main([*command, "--resume"]) == 0
    assert read_scene(target).decoders["nerv360"].training.steps == 3


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "s.safetensors"
    full = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")
    with patch("model.training.checkpoint.torch.save", side_effect=full) as save:
        assert main(["train", str(clip), "-o", str(target), *TINY, "--set=checkpoint_s=0"]) == 0
    assert save.called
    assert read_scene(target).frames == 3
