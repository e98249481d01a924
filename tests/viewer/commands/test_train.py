"""`nerv360 train`: a scene and nothing else; what can refuse it is found out before a step."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene import Sample, read_scene, write_scene
from nerv360.sound import check_opus
from nerv360.training.loss import DistortionLoss
from nerv360.training.trainer import Trainer
from nerv360.video import open_clip
from nerv360.video.writing import FolderWriter, VideoWriter
from nerv360.viewer.cli import main
from tests.support.full_disk import full_disk
from tests.support.scenes import tiny_scene
from tests.support.sounds import sounding_clip, tone

TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=16", "--set=viewport_width=96",
    "--set=viewport_height=64", "--set=held_out=2", "--epochs=1",
]  # fmt: skip
ROOT = Path(__file__).parents[3]


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
    """Return the sentence of a training that must end before its first step."""
    with patch.object(Trainer, "run", side_effect=AssertionError("the training began")):
        assert main(["train", str(clip), *options, *TINY]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nerv360:")]
    assert len(said) == 1
    return said[0]


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
    with patch("nerv360.scene.coded.save_file", side_effect=full):
        said = refused(clip, "-o", str(target), capsys=capsys)
    assert f"{target} cannot be written: No space left on device" in said


@pytest.mark.slow
def test_a_clip_whose_name_is_no_text(clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        clip.rename(odd)
    except OSError:
        pytest.skip("this file system has no such names")
    target = tmp_path / "s.safetensors"
    assert main(["train", str(odd), "-o", str(target), *TINY]) == 0
    assert read_scene(target).attribution.title == "caf�"


def test_a_diverged_training_ends(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    loss = torch.tensor(math.nan, requires_grad=True)
    with patch.object(DistortionLoss, "forward", return_value=loss):
        assert main(["train", str(clip), "-o", str(target), *TINY]) == 2
    assert "the training has diverged, its loss at step 1 is nan" in capsys.readouterr().err


@pytest.mark.slow
def test_a_scene_that_is_refused_at_last_can_be_resumed(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    command = ["train", str(clip), "-o", str(target), *TINY]
    full = InputError(f"{target} cannot be written: No space left on device")
    with patch("nerv360.training.course.write_coded", side_effect=full):
        assert main(command) == 2
    with patch.object(Trainer, "_train_step", side_effect=AssertionError("a step was made")):
        assert main([*command, "--resume"]) == 0
    assert read_scene(target).decoders["nerv360"].training.steps == 3


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "s.safetensors"
    with full_disk(".checkpoint") as refused:
        assert main(["train", str(clip), "-o", str(target), *TINY, "--set=checkpoint_s=0"]) == 0
    assert refused
    assert read_scene(target).frames == 3


@pytest.mark.slow
def test_the_command_writes_a_scene_and_nothing_else(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scene.safetensors"
    assert main(["train", str(clip), "-o", str(target), *TINY]) == 0
    scene = read_scene(target)
    assert scene.frames == 3
    assert scene.decoders["nerv360"].training.psnr_db is not None
    assert scene.fingerprint is not None
    assert scene.fingerprint.samples == tuple(map(Sample.of, open_clip(clip)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip", "scene.safetensors"]
    assert "cost" in capsys.readouterr().out
    before = target.read_bytes()
    assert main(["train", str(clip), "-o", str(target), *TINY]) == 2
    assert target.read_bytes() == before


@pytest.mark.slow
@pytest.mark.slow
def test_a_scene_keeps_the_sound_of_its_clip_unless_told_otherwise(tmp_path: Path) -> None:
    clip, target = tmp_path / "clip.mp4", tmp_path / "scene.safetensors"
    sounding_clip(clip, tone(1.0))
    options = [str(clip), "-o", str(target), "--frames=3", "--overwrite", *TINY]
    assert main(["train", *options]) == 0
    sound = read_scene(target).sound
    assert sound is not None
    assert check_opus(sound) == 2
    assert main(["train", *options, "--no-sound"]) == 0
    assert read_scene(target).sound is None


@pytest.mark.parametrize("options", [["--sound-kbps=5"], ["--no-sound", "--sound-kbps=96"]])
def test_rates_of_sound_that_cannot_be(
    clip: Path, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    assert "--sound-kbps" in refused(clip, "-o", str(target), *options, capsys=capsys)


def test_a_decoder_is_added_to_a_scene(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "scene.safetensors"
    assert main(["train", str(clip), "-o", str(target), *TINY]) == 0
    for model in ("hnerv", "hnerv-boost"):
        assert main(["train", str(clip), "--into", str(target), "--model", model, *TINY]) == 0
    assert sorted(read_scene(target).decoders) == ["hnerv", "hnerv-boost", "nerv360"]
    assert main(["train", str(clip), "--into", str(target), *TINY]) == 2


@pytest.mark.slow
def test_ctrl_c_leaves_a_scene_that_opens_and_resumes(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "scene.safetensors"
    command = [sys.executable, "-m", "nerv360.viewer", "train", str(clip), "-o", str(target), *TINY]
    command += ["--epochs=5000", "--set=evaluate_every=1"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert any(re.match("training, [1-9]", line) for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert read_scene(target).decoders["nerv360"].training.steps > 0
    assert target.with_name("scene.safetensors.checkpoint").is_file()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_train_as_one(clip: Path, tmp_path: Path) -> None:
    """Both end with the same weights, and every step has seen two frames."""
    target = tmp_path / "scene.safetensors"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    command += ["-m", "nerv360.viewer", "train", str(clip), "-o", str(target), *TINY, "--epochs=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500
    )
    assert result.returncode == 0, result.stderr
    assert read_scene(target).decoders["nerv360"].training.steps == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--preset=huge"], "--preset"),
        (["--model=vae"], "--model"),
        (["--device=tpu"], "--device"),
        (["--set=channels=many"], "channels"),
        (["--set=colour=1"], "colour"),
        (["--set=channels"], "NAME=VALUE"),
        (["--set=strides=4,2"], "kernels"),
        (["--epochs=0"], "epochs"),
        (["--set=learning_rate=nan"], "learning_rate"),
        (["--resume"], "no checkpoint"),
        (["--frames=0"], "frames"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(
    clip: Path,
    tmp_path: Path,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["train", str(clip), "-o", str(tmp_path / "s.safetensors"), *TINY, *arguments]
    assert main(command) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nerv360:")]
    assert len(said) == 1
    assert sentence in said[0]
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.slow
def test_the_rate_says_what_a_smaller_file_may_cost(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    command = ["train", str(clip), "-o", str(target), *TINY, "--overwrite"]
    assert main([*command, "--rate=100"]) == 0
    assert "storing it in 16 levels and weights of 8 bits cost" in capsys.readouterr().out
    assert read_scene(target).decoders["nerv360"].training.settings["rate"] == 100
    said = refused(clip, "-o", str(target), "--overwrite", "--rate=-1", capsys=capsys)
    assert "--rate: rate must be between 0 and 100, not -1.0" in said
