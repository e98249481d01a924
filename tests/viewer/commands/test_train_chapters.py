"""`nerv360 train` in chapters: killed, stopped or shared, it writes the same scene."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import pytest
import torch

from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.locks import locked
from nerv360.scene import (
    CodedScene,
    TrainingSummary,
    check_clip,
    read_coded_scene,
    read_header,
    read_scene,
    read_sound,
)
from nerv360.training import ChapterCourse, StepReport, Training
from nerv360.video import ClipReader, open_clip
from nerv360.video.writing import VideoWriter
from nerv360.viewer.cli import main
from nerv360.viewer.sharing import Address
from tests.support.sounds import sounding_clip, tone

ROOT = Path(__file__).parents[3]
FPS, FRAMES = 4.0, 12
TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=12", "--set=viewport_width=48",
    "--set=viewport_height=24", "--set=held_out=1", "--chapter-seconds=1",
]  # fmt: skip
SHORT = [*TINY, "--steps=9", "--set=checkpoint_s=0"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip of three seconds: waves, and a square that moves over them."""
    file = tmp_path_factory.mktemp("clip") / "waves.mp4"
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(96), indexing="ij")
    with VideoWriter(file, 96, 48, FPS) as writer:
        for frame in range(FRAMES):
            planes = [rows * 5, columns * 2, 128 + 100 * (columns / 9).sin()]
            picture = torch.stack(planes, -1).byte()
            picture[16:32, 6 * frame : 6 * frame + 16] = 250
            writer.write(picture)
    return file


def command(clip: Path, target: Path, *options: str) -> list[str]:
    train = [sys.executable, "-m", "nerv360.viewer", "train", str(clip), "-o", str(target)]
    return [*train, *SHORT, *options]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(arguments: list[str]) -> str:
    result = subprocess.run(
        arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def unbroken(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the clip in one go."""
    target = tmp_path_factory.mktemp("unbroken") / "waves.safetensors"
    said = run(command(clip, target))
    assert "3 chapters of 1.0 to 1.0 s" in said
    return target


def same(one: Path, other: Path) -> bool:
    """Compare all but the durations and what is only measured in a training that is not broken."""
    ours, theirs = read_coded_scene(one), read_coded_scene(other)

    def timeless(scene: CodedScene) -> dict[str, TrainingSummary]:
        return {
            name: replace(training, seconds=0.0, late_gain_db=None)
            for name, training in scene.header.trainings.items()
        }

    assert ours.tensors.keys() == theirs.tensors.keys()
    assert timeless(ours) == timeless(theirs)
    equal = all(torch.equal(tensor, theirs.tensors[name]) for name, tensor in ours.tensors.items())
    return equal and replace(ours.header, trainings={}) == replace(theirs.header, trainings={})


@pytest.mark.slow
def test_a_long_clip_becomes_a_scene_of_chapters(clip: Path, unbroken: Path) -> None:
    assert [file.name for file in unbroken.parent.iterdir()] == [unbroken.name]
    header = read_header(unbroken).header
    assert (header.frames, header.chapters) == (FRAMES, (0, 4, 8))
    training = header.trainings["nerv360"]
    assert training.steps == 9
    assert len(training.settings["chapters_psnr_db"]) == 3  # type: ignore[arg-type]
    parts = [read_scene(unbroken, chapter=number).decoders["nerv360"] for number in range(3)]
    assert parts[0].config == parts[1].config == parts[2].config
    assert not torch.equal(parts[0].embeddings, parts[1].embeddings)
    opened = open_clip(clip)
    reader = ClipReader(opened)
    check_clip(opened.info, lambda index: reader.picture(index), clip, header, unbroken)
    with pytest.raises(InputError, match="other pictures"):
        check_clip(opened.info, lambda index: reader.picture(0), clip, header, unbroken)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_a_kill_at_any_time_it_is_the_same_scene(
    clip: Path, unbroken: Path, tmp_path: Path
) -> None:
    target, chance = tmp_path / "waves.safetensors", random.Random(5)
    folder = tmp_path / "waves.safetensors.chapters"
    options: list[str] = []
    for awaited in ("plan.json", "0001.safetensors.checkpoint"):
        arguments = command(clip, target, *options)
        process = subprocess.Popen(arguments, cwd=ROOT, env=environment())
        while not (folder / awaited).exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.random() / 10)
        process.kill()
        process.wait(60)
        options = ["--resume"]
        if not folder.exists():
            break  # it was quicker
    assert target.exists() or folder.exists()
    if not target.exists():
        run(command(clip, target, "--resume"))
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    assert same(target, unbroken)


def shared(clip: Path, target: Path, processes: int) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    launch += ["--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    run([*launch, *command(clip, target)[1:]])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processes_share_the_chapters(clip: Path, unbroken: Path, tmp_path: Path) -> None:
    """Two and three end with the same scene; its first chapter is also that of one process."""
    two, three = tmp_path / "two" / "waves.safetensors", tmp_path / "three" / "waves.safetensors"
    for target, count in ((two, 2), (three, 3)):
        target.parent.mkdir()
        shared(clip, target, count)
        assert [file.name for file in target.parent.iterdir()] == [target.name]
    assert same(two, three)
    scenes = [read_scene(file, chapter=0) for file in (two, unbroken)]
    one, other = (scene.decoders["nerv360"].embeddings for scene in scenes)
    assert torch.equal(one, other)


@pytest.mark.slow
def test_ctrl_c_leaves_the_chapters_so_far(clip: Path, unbroken: Path, tmp_path: Path) -> None:
    target = tmp_path / "waves.safetensors"
    stopped = Training.take_steps
    calls: list[int] = []

    def interrupted(training: Training, report: object, stop: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        stopped(training, report, stop)  # type: ignore[arg-type]

    with patch.object(Training, "take_steps", interrupted):
        assert main(["train", str(clip), "-o", str(target), *SHORT]) == 130
    assert read_header(target).header.frames == 8, "a finished chapter and one of a step"
    assert read_header(target).header.chapters == (0, 4)
    assert main(["train", str(clip), "-o", str(target), *SHORT, "--resume"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    assert read_header(target).header.chapters == (0, 4, 8)


@pytest.mark.slow
def test_what_a_stopped_training_left_is_not_overwritten(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "waves.safetensors"
    with patch.object(ChapterCourse, "run", return_value=False):
        assert main(["train", str(clip), "-o", str(target), *SHORT]) == 130
    arguments = ["train", str(clip), "-o", str(target), *SHORT]
    assert main(arguments) == 2
    assert "add --resume to go on with it, or --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--set=channels=16"]) == 2
    assert "was made with another" in capsys.readouterr().err
    (tmp_path / "waves.safetensors.chapters" / "plan.json").write_text("{}")
    assert main([*arguments, "--resume"]) == 2
    assert "is no plan of a training in chapters" in capsys.readouterr().err
    (tmp_path / "waves.safetensors.chapters" / "plan.json").rename(tmp_path / "plan")
    (tmp_path / "waves.safetensors.chapters" / "mine.txt").touch()
    assert main([*arguments, "--overwrite"]) == 2
    assert "has other files" in capsys.readouterr().err


@pytest.mark.slow
def test_a_decoder_is_added_chapter_by_chapter(clip: Path, unbroken: Path, tmp_path: Path) -> None:
    target = tmp_path / "waves.safetensors"
    target.write_bytes(unbroken.read_bytes())
    arguments = ["train", str(clip), "--into", str(target), "--model=hnerv", *SHORT]
    assert main(arguments) == 0
    header = read_header(target).header
    assert sorted(header.configs) == ["hnerv", "nerv360"]
    assert header.chapters == (0, 4, 8)
    assert sorted(read_scene(target, chapter=2).decoders) == ["hnerv", "nerv360"]


class Shown:
    """A page that notes which steps it is told."""

    pages: ClassVar[list[Shown]] = []

    def __init__(self, port: int, attribution: object) -> None:
        if len(self.pages) == 2:
            raise InputError(f"{port} is taken")
        self.address = Address(port=port)
        self.steps: list[int] = []
        self.pages.append(self)

    def after_step(self, trainer: object, step: StepReport) -> None:
        self.steps.append(step.step)

    def close(self) -> None:
        self.address.socket.close()


def test_each_chapter_has_its_page_at_the_same_address(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "waves.safetensors"
    Shown.pages.clear()
    with patch("nerv360.viewer.sharing.TrainingPage", Shown):
        assert main(["train", str(clip), "-o", str(target), *SHORT, "--serve=0"]) == 0
    assert len(read_header(target).header.chapters) == 3
    said = capsys.readouterr()
    first, second = Shown.pages
    for number, page in enumerate((first, second), 1):
        url = first.address.url
        assert f"{url} shows chapter {number} of 3, after its first step" in said.out
        assert page.steps == [1, 2, 3]
    assert "is taken; the training goes on without a page" in said.err


@pytest.mark.slow
def test_minutes_are_shared_and_sound_is_kept(tmp_path: Path) -> None:
    clip = sounding_clip(tmp_path / "tone.mp4", tone(3.0))
    target = tmp_path / "tone.safetensors"
    arguments = ["train", str(clip), "-o", str(target), *TINY, "--chapter-seconds=2"]
    began = time.monotonic()
    assert main([*arguments, "--minutes=0.1"]) == 0
    assert len(read_header(target).header.chapters) == 2
    assert read_sound(target) is not None
    assert time.monotonic() - began < 60


def test_one_that_waits_ends_when_another_has_joined_the_chapters(
    clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "waves.safetensors.chapters"

    def joined_by_another(seconds: float) -> None:
        for lock in locks:
            lock.__exit__(None, None, None)
        shutil.rmtree(folder)

    locks = [locked(folder / f"{number:04d}.safetensors") for number in range(3)]
    prepare = ChapterCourse.prepare

    def prepare_and_hold(course: ChapterCourse) -> None:
        prepare(course)
        for lock in locks:
            lock.__enter__()

    with (
        patch.object(ChapterCourse, "prepare", prepare_and_hold),
        patch("nerv360.training.chapters.course.time.sleep", joined_by_another),
    ):
        target = tmp_path / "waves.safetensors"
        assert main(["train", str(clip), "-o", str(target), *SHORT]) == 0
    assert list(tmp_path.iterdir()) == []


def test_less_memory_makes_more_chapters(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "waves.safetensors"
    free = free_bytes(torch.device("cpu"))

    def fits(training: Training, pictures: int) -> bool:
        return free > 0 and pictures < 6

    with (
        patch.object(Training, "fits", fits),
        patch.object(ChapterCourse, "run", return_value=False),
    ):
        assert main(["train", str(clip), "-o", str(target), *SHORT, "--chapter-seconds=10"]) == 130
    assert "3 chapters of 1.0 to 1.0 s" in capsys.readouterr().out
