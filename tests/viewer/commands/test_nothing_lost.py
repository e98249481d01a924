"""`nerv360 train` loses nothing: no checkpoint, no foreign file, no training at its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from nerv360.locks import locked
from nerv360.scene import read_scene
from nerv360.training.trainer import Trainer
from nerv360.video.writing import FolderWriter
from nerv360.viewer.cli import main
from tests.support.full_disk import full_disk

TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=8", "--set=viewport_width=96",
    "--set=viewport_height=64", "--set=held_out=2", "--set=evaluate_every=100",
]  # fmt: skip
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "clip"
    generator = torch.Generator().manual_seed(0)
    with FolderWriter(folder) as writer:
        for _ in range(3):
            picture = torch.randint(256, (64, 128, 3), dtype=torch.uint8, generator=generator)
            writer.write(picture)
    return folder


@pytest.fixture(scope="module")
def stopped(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with scene and checkpoint of a run that was stopped in its second epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    run = Trainer.run

    def stop(trainer: Trainer, *arguments: object) -> bool:
        return run(trainer, arguments[0], arguments[1], lambda: trainer.step == 4)  # type: ignore[arg-type]

    with patch.object(Trainer, "run", stop):
        assert main(command(clip, folder / "r.safetensors", "--epochs=9")) == 130
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    """Return a copy of `stopped`."""
    for file in stopped.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def command(clip: Path, target: Path, *options: str) -> list[str]:
    return ["train", str(clip), "-o", str(target), *TINY, *options]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the sentence of a training that must end before its first step."""
    with patch.object(Trainer, "run", side_effect=AssertionError("the training began")):
        assert main(arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nerv360:")]
    assert len(said) == 1
    return said[0]


def test_a_stopped_runs_checkpoint_is_asked_about(
    clip: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = folder / "r.safetensors"
    assert (folder / "r.safetensors.checkpoint").is_file()
    target.unlink()
    before = contents(folder)
    said = refused(command(clip, target), capsys)
    assert "r.safetensors.checkpoint is what a stopped training left: add --resume" in said
    assert contents(folder) == before


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--resume",)])
def test_a_foreign_file_is_never_deleted(
    clip: Path, tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.safetensors.checkpoint").write_text("my notes")
    said = refused(command(clip, tmp_path / "r.safetensors", *options), capsys)
    assert "r.safetensors.checkpoint" in said
    assert contents(tmp_path) == {"r.safetensors.checkpoint": b"my notes"}


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--resume",)])
def test_a_folder_in_the_checkpoints_place(
    clip: Path, tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.safetensors.checkpoint").mkdir()
    said = refused(command(clip, tmp_path / "r.safetensors", *options), capsys)
    assert "r.safetensors.checkpoint" in said
    assert [file.name for file in tmp_path.iterdir()] == ["r.safetensors.checkpoint"]


def test_fewer_epochs_than_were_trained(
    clip: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    said = refused(command(clip, folder / "r.safetensors", "--resume", "--epochs=1"), capsys)
    assert "has 4 steps already" in said
    assert contents(folder) == before


def test_a_checkpoint_of_other_options(
    clip: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    options = ("--resume", "--epochs=9", "--seed=7")
    assert "seed is 7 now, and was 0" in refused(
        command(clip, folder / "r.safetensors", *options), capsys
    )
    assert contents(folder) == before


def test_two_trainings_of_one_scene(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "r.safetensors"
    with locked(target):
        said = refused(command(clip, target, "--overwrite"), capsys)
        assert f"-o: {target}: process {os.getpid()} is writing it" in said
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_refused_before_a_step(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with full_disk(".reserved"):
        said = refused(command(clip, tmp_path / "r.safetensors"), capsys)
    assert "not enough space on its disk" in said
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_keeps_the_training(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "r.safetensors"
    with patch("nerv360.training.export.search.TrainedEmbeddings.of", side_effect=MemoryError):
        assert main(command(clip, target, "--epochs=1")) == 2
    said = capsys.readouterr().err
    assert f"{target}.checkpoint has its 3 steps: the same command with --resume" in said
    assert [file.name for file in tmp_path.iterdir()] == ["r.safetensors.checkpoint"]
    with patch.object(Trainer, "_train_step", side_effect=AssertionError("a step was made")):
        assert main(command(clip, target, "--epochs=1", "--resume")) == 0
    assert read_scene(target).decoders["nerv360"].training.steps == 3
    assert [file.name for file in tmp_path.iterdir()] == ["r.safetensors"]


def test_a_folder_that_takes_no_file_any_more(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, target = tmp_path / "home", tmp_path / "out" / "r.safetensors"
    home.mkdir()
    target.parent.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    step = Trainer._train_step

    def vanish(trainer: Trainer, *position: int) -> float:
        if target.parent.exists():
            target.parent.rename(tmp_path / "unplugged")
        return step(trainer, *position)

    with patch.object(Trainer, "_train_step", vanish):
        assert main(command(clip, target, "--epochs=1")) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    kept = home / "r.safetensors.checkpoint"
    assert f"its 3 steps are in {kept}: move it to {target.parent}, and the same" in said
    (tmp_path / "unplugged").rename(target.parent)
    kept.rename(target.parent / kept.name)
    assert main(command(clip, target, "--epochs=1", "--resume")) == 0
    assert read_scene(target).decoders["nerv360"].training.steps == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_training_like_ctrl_c(
    clip: Path, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "r.safetensors"
    options = ["--epochs=5000", "--set=evaluate_every=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nerv360.viewer", *command(clip, target, *options)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert any(" steps" in line for line in process.stdout)
    process.send_signal(number)
    process.stdout.read()
    assert process.wait(timeout=120) == 130
    assert read_scene(target).decoders["nerv360"].training.steps > 0
    assert {file.name for file in tmp_path.iterdir()} == {target.name, f"{target.name}.checkpoint"}


def test_a_scene_is_on_the_disk_before_its_checkpoint_goes(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, synced = tmp_path / "r.safetensors", []
    sync, unlink = os.fsync, Path.unlink

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().suffix)
        sync(descriptor)

    def gone(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".checkpoint" and not path.name.startswith("."):
            assert synced[-2:] == [".safetensors", ""]
            synced.append("gone")
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "unlink", gone)
    assert main(command(clip, target, "--epochs=1")) == 0
    assert synced[-1] == "gone"


def test_too_little_memory_is_said_before_a_picture_is_read(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        patch("nerv360.devices.available_bytes", return_value=100 * 2**20),
        patch("nerv360.training.course.read_clip", side_effect=AssertionError("the clip was read")),
    ):
        said = refused(command(clip, tmp_path / "r.safetensors"), capsys)
    assert re.search(r"training on 3 pictures of 128x64 would take 0\.\d GiB of memory", said)
    assert "0.1 GiB can be used: give a smaller --size, fewer --frames or a shorter" in said
    assert list(tmp_path.iterdir()) == []
