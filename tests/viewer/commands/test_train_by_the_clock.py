"""Trainings by the clock, and what is said and kept of them on the way."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from nerv360.errors import InputError
from nerv360.scene import read_scene
from nerv360.training import TrainingSettings
from nerv360.training.by_clock import ByClock
from nerv360.training.checkpoint import checkpoint_path, load_checkpoint
from nerv360.training.clock import Durations
from nerv360.training.trainer import Trainer
from nerv360.video.writing import VideoWriter
from nerv360.viewer.cli import main
from nerv360.viewer.commands import train as command

TINY = [
    "--preset=paper", "--set=strides=2,2", "--set=kernels=1,3", "--set=blocks=1,1",
    "--set=channels=8", "--set=min_width=4", "--set=condition_channels=4",
    "--set=encoding_levels=4", "--set=encoder_strides=2,2", "--set=encoder_channels=4",
    "--set=viewport_height=32", "--set=viewport_width=64", "--set=held_out=2", "--device=cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "pier.mp4"
    with VideoWriter(path, 96, 48, 10) as video:
        for index in range(4):
            picture = torch.full((48, 96, 3), 90, dtype=torch.uint8)
            picture[10:30, 10 * index : 10 * index + 20] = 220
            video.write(picture)
    return path


def test_a_training_by_the_clock_says_its_plan_and_ends_in_time(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    durations = Durations(step=0.25, evaluation=0.5, picture=0.01)
    with patch("nerv360.training.by_clock.measure_durations", return_value=durations):
        assert main(["train", str(clip), "-o", str(target), *TINY, "--minutes", "0.2"]) == 0
    said = capsys.readouterr().out
    assert "4 pictures of 96x48, " in said
    assert " steps in about " in said
    assert "GiB of memory; the scene file will take at most " in said
    assert "the least that this clip takes" not in said
    # Steps were quicker than the durations said, so that more of them were planned on the way.
    assert read_scene(target).decoders["nerv360"].training.steps >= 20


def test_a_clip_that_takes_longer_than_planned_is_said_so(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    durations = Durations(step=0.5, evaluation=0.5, picture=0.1, coding=20)
    with patch("nerv360.training.by_clock.measure_durations", return_value=durations):
        line = ["train", str(clip), "-o", str(tmp_path / "s.safetensors"), *TINY]
        assert main([*line, "--minutes", "0.2"]) == 0
    assert "20 steps in about 1 min 3" in (said := capsys.readouterr().out)
    assert "s (the least that this clip takes)" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "5", "--epochs", "2"], "--minutes and --epochs: give one of them"),
        (["--steps", "5", "--epochs", "2"], "--epochs and --steps: give one of them"),
        (["--minutes", "0"], "--minutes: a training lasts 0.1 to 10080 minutes, not 0"),
        (["--minutes", "nan"], "--minutes: a training lasts"),
        (["--steps", "0"], "--steps 0: give 1 or more"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(
    clip: Path, tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(clip), "-o", str(tmp_path / "s.safetensors"), *TINY, *options]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_ten_minutes_are_the_default_but_for_the_papers_preset() -> None:
    now = time.monotonic()
    by_clock = command._clock(None, None, None, "demo", now)
    assert by_clock is not None
    assert by_clock.left_s == pytest.approx(600, abs=5)
    assert command._clock(None, None, None, "paper", now) is None
    assert command._clock(1.0, None, None, "paper", now) is not None
    assert command._clock(None, 3, None, "demo", now) is None


def test_steps_say_how_long_a_training_is(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "s.safetensors"
    assert main(["train", str(clip), "-o", str(target), *TINY, "--steps", "7"]) == 0
    training = read_scene(target).decoders["nerv360"].training
    assert (training.steps, training.epochs) == (7, 1)


def test_trial_steps_leave_no_trace(clip: Path, tmp_path: Path) -> None:
    plain, timed = tmp_path / "plain.safetensors", tmp_path / "timed.safetensors"
    assert main(["train", str(clip), "-o", str(plain), *TINY, "--steps", "6"]) == 0

    def plan(self: ByClock, trainer: Trainer) -> None:
        assert len(trainer.try_steps(3, 60.0)) == 3
        assert trainer.try_evaluation() > 0
        trainer.steps, trainer.evaluate_every = 6, 1

    with patch.object(ByClock, "plan", plan):
        assert main(["train", str(clip), "-o", str(timed), *TINY, "--minutes", "1"]) == 0
    one, other = (read_scene(path).decoders["nerv360"] for path in (plain, timed))
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert torch.equal(one.embeddings, other.embeddings)


def test_after_a_third_a_scene_that_opens_is_there_and_a_second_ctrl_c_says_what_is_kept(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    line = ["train", str(clip), "-o", str(target), *TINY, "--steps=9", "--set=checkpoint_s=0"]
    with patch("nerv360.training.course.export_scene", side_effect=KeyboardInterrupt):
        assert main(line) == 130
    said = capsys.readouterr().err
    checkpoint = checkpoint_path(target)
    assert f"stopped; {checkpoint} has 9 steps: nerv360 train " in said
    assert "--resume goes on" in said
    assert "Traceback" not in said
    steps = read_scene(target).decoders["nerv360"].training.steps
    assert 3 <= steps < 9
    assert main([*line, "--resume"]) == 0
    assert f"{checkpoint}: going on from step 9 of 9" in capsys.readouterr().out
    assert read_scene(target).decoders["nerv360"].training.steps == 9
    assert not checkpoint.exists()


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("step", [1, 4, 8])
def test_ctrl_c_in_the_middle_leaves_a_scene_or_says_where_the_checkpoint_is(
    clip: Path, tmp_path: Path, step: int, second: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"

    def interrupt(self: Trainer, epoch: int, position: int) -> float:
        if self.step == step:
            for _ in range(1 + second):
                signal.raise_signal(signal.SIGINT)
        return train_step(self, epoch, position)

    train_step = Trainer._train_step
    line = ["train", str(clip), "-o", str(target), *TINY, "--steps=9"]
    with patch.object(Trainer, "_train_step", interrupt):
        assert main(line) == 130
    said = capsys.readouterr()
    checkpoint = checkpoint_path(target)
    assert checkpoint.exists()
    if second:
        assert f"stopped; {checkpoint} has {step} steps: nerv360 train " in said.err
        assert target.exists() == (step >= 3)
    else:
        assert f"--resume goes on from {checkpoint}" in said.out
        assert read_scene(target).decoders["nerv360"].training.steps == step + 1
    assert main([*line, "--resume"]) == 0
    assert read_scene(target).decoders["nerv360"].training.steps == 9
    assert {file.name for file in tmp_path.iterdir()} == {target.name}


@pytest.mark.parametrize(
    "moment", ["nerv360.training.course.read_clip", "nerv360.training.course.rehearse"]
)
def test_ctrl_c_before_the_first_step_says_so_and_leaves_nothing(
    clip: Path, tmp_path: Path, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", str(clip), "-o", str(tmp_path / "s.safetensors"), *TINY, "--steps=9"]
    with patch(moment, side_effect=KeyboardInterrupt):
        assert main(line) == 130
    assert "stopped before the first step\n" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("resume", [False, True])
def test_ctrl_c_while_steps_are_timed_leaves_the_scene_unchanged(
    clip: Path, tmp_path: Path, resume: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    checkpoint = checkpoint_path(target)
    line = ["train", str(clip), "-o", str(target), *TINY]
    if resume:
        with patch("nerv360.training.course.export_scene", side_effect=KeyboardInterrupt):
            assert main([*line, "--steps=2"]) == 130
        checked = checkpoint.read_bytes()
    target.write_bytes(b"an earlier scene")

    def plan(self: ByClock, trainer: Trainer) -> None:
        signal.raise_signal(signal.SIGINT)

    with patch.object(ByClock, "plan", plan):
        assert main([*line, "--minutes=1", "--resume" if resume else "--overwrite"]) == 130
    said = capsys.readouterr().err
    assert target.read_bytes() == b"an earlier scene"
    if resume:
        assert f"stopped before a further step; {checkpoint} is as it was\n" in said
        assert checkpoint.read_bytes() == checked
    else:
        assert "stopped before the first step\n" in said
        assert not checkpoint.exists()


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("place", ["torch.amp.GradScaler.step", "Trainer.evaluate"])
def test_a_step_that_was_broken_off_is_not_saved(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    error: type[BaseException],
    earlier: bool,
) -> None:
    target = tmp_path / "s.safetensors"
    monkeypatch.setenv("HOME", str(tmp_path))
    owner, name = (Trainer, "evaluate") if "evaluate" in place else (torch.amp.GradScaler, "step")
    whole, left = getattr(owner, name), iter([True] * earlier)

    def break_off(*arguments: object) -> None:
        whole(*arguments)
        if not next(left, False):
            raise error

    monkeypatch.setattr(owner, name, break_off)
    line = ["train", str(clip), "-o", str(target), *TINY, "--steps=9", "--set=checkpoint_s=0"]
    assert main(line) == (130 if error is KeyboardInterrupt else 2)
    said = capsys.readouterr().err
    checkpoint = checkpoint_path(target)
    assert checkpoint.exists() == earlier
    if earlier:
        assert load_checkpoint(checkpoint)["step"] == 1
        assert str(checkpoint) in said
        assert "--resume goes on" in said
        assert ("the earlier" in said) == (name == "evaluate")
    else:
        assert ("no checkpoint was written" in said) or ("could not be saved anywhere" in said)


def test_a_resumed_training_by_the_clock_keeps_its_end(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    line = ["train", str(clip), "-o", str(target), *TINY]

    def plan(self: ByClock, trainer: Trainer) -> None:
        trainer.steps, trainer.evaluate_every = 8, 4

    stops = iter([False] * 5 + [True] * 100)
    with (
        patch.object(ByClock, "plan", plan),
        patch(
            "nerv360.viewer.commands.terminal.StopOnInterrupt.__call__", lambda self: next(stops)
        ),
    ):
        assert main([*line, "--minutes=1"]) == 130
    said = capsys.readouterr()
    assert "stopping: coding the scene" in said.err
    assert "--resume goes on from " in said.out
    assert main([*line, "--minutes=1", "--resume"]) == 0
    assert "going on from step 5 of 8" in capsys.readouterr().out
    assert read_scene(target).decoders["nerv360"].training.steps == 8


def test_a_stop_without_a_checkpoint_promises_none(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s.safetensors"
    full = InputError("No space left on device")
    stops = iter([False] + [True] * 100)
    with (
        patch("nerv360.training.trainer.save_checkpoint", side_effect=full),
        patch(
            "nerv360.viewer.commands.terminal.StopOnInterrupt.__call__", lambda self: next(stops)
        ),
    ):
        assert main(["train", str(clip), "-o", str(target), *TINY, "--steps=8"]) == 130
    said = capsys.readouterr().out
    assert "--resume goes on" not in said
    assert "was not written" in said
    assert read_scene(target).decoders["nerv360"].training.steps == 1


def test_settings_take_a_number_of_steps() -> None:
    assert TrainingSettings(steps=5).steps == 5
