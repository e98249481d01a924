"""A picture shown twice is held and trained on once; what a clip does not show is not judged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nerv360.clip_pictures import ClipPictures
from nerv360.networks import ARCHITECTURES
from nerv360.scene import Attribution, read_scene, sampled_frames, write_coded
from nerv360.training.dataset import (
    ClipFrames,
    covered_directions,
    fit_config,
    held_out_looks,
    random_looks,
    read_clip,
)
from nerv360.training.export import export_scene
from nerv360.training.objective import Objective
from nerv360.training.processes import Processes
from nerv360.training.quality import held_out_quality
from nerv360.training.settings import TrainingSettings
from nerv360.training.trainer import Trainer
from nerv360.video import open_clip
from nerv360.video.reading import VideoInfo
from tests.support.clips import damaged, encode, ramp
from tests.support.spheres import smooth_sphere

SHOWN = [0, 0, 0, 1, 2, 2]
SETTINGS = TrainingSettings(epochs=3, learning_rate=5e-3, held_out=4, evaluate_every=100)
INFO = VideoInfo(128, 64, 30.0, len(SHOWN))


def pictures() -> Tensor:
    whole = [smooth_sphere(64, 128).clone() for _ in range(3)]
    for index, picture in enumerate(whole):
        picture[20:44, 30 * index : 30 * index + 24] = torch.tensor([250, 40, 30])
    return torch.stack(whole)


def trainer(frames: ClipFrames, **changes: bool) -> Trainer:
    base = ARCHITECTURES["nerv360"].presets["demo"]
    base = base.replace(channels=8, level_channels=(1,), hfov_deg=110.0)
    config = fit_config(base, INFO, "").replace(**changes)
    return Trainer(config, SETTINGS, frames, torch.device("cpu"), Processes())


def test_a_slow_clip_is_read_once_a_picture(tmp_path: Path) -> None:
    times = [0, 40, 80, 240, 280, 320, 360, 400]
    path = encode(tmp_path / "c.mp4", [ramp(k) for k in range(8)], times_ms=times)
    clip = open_clip(path)
    assert clip.info.frames > clip.pictures
    frames = read_clip(clip, (48, 96))
    assert (len(frames), frames.pictures) == (clip.info.frames, clip.pictures)
    for index, picture in enumerate(clip):
        assert torch.equal(frames.picture(index), picture)
    assert frames.fingerprint is not None
    assert len(frames.fingerprint.samples) == len(sampled_frames(len(frames)))
    assert len(read_clip(clip, (48, 96), 4)) == 4


def test_frames_beside_a_part_of_a_clip_are_read_with_it(tmp_path: Path) -> None:
    times = [0, 40, 80, 240, 280, 320, 360, 400]
    path = encode(tmp_path / "c.mp4", [ramp(k) for k in range(8)], times_ms=times)
    clip = open_clip(path)
    part = slice(3, 7)  # one of several frames that show a picture is in it, and one beside it
    alone = read_clip(clip.taken(part), (48, 96))
    frames = read_clip(clip.taken(slice(1, 9)), (48, 96), beside=(2, 2))
    assert (len(frames), frames.pictures, frames.learned) == (4, alone.pictures, alone.pictures + 4)
    assert (frames.shown, frames.info, frames.digest) == (alone.shown, alone.info, alone.digest)
    assert frames.fingerprint == alone.fingerprint
    assert list(frames.beside) == [-2, -1, 4, 5]
    whole = list(clip)
    for place, number in enumerate(frames.beside):
        assert torch.equal(frames.beside[number], whole[3 + number])
        index = frames.frame_showing(frames.pictures + place, 7)
        assert torch.equal(frames.picture(index), whole[3 + number])
    learner = trainer(frames)
    assert learner.steps_an_epoch == frames.learned
    numbers = [0, 1, 2, 3, -2, -1, 4, 5]
    assert learner.times.tolist() == [number / 4 for number in numbers]


def test_a_damaged_picture_is_the_one_before_in_training_and_evaluation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = open_clip(damaged(encode(tmp_path / "c.mp4", [ramp(k) for k in range(36)]), 12, 24))
    read = list(clip.read())
    same = [index for index in range(1, 36) if read[index] is read[index - 1]]
    assert len(read) == clip.pictures == clip.info.frames == 36
    assert len(same) > 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{len(same)} pictures of {clip.path} are damaged, the first of them number {same[0]}: the "
        f"one before is taken in their place"
    ]
    frames = read_clip(clip, (48, 96))
    assert (len(frames), frames.pictures) == (36, 36 - len(same))
    original = ClipPictures(clip)
    for index in range(36):
        assert torch.equal(frames.picture(index), read[index])
        assert torch.equal(original[index], read[index])


def test_an_epoch_trains_on_each_picture_once_and_turns_through_its_frames() -> None:
    trained = trainer(ClipFrames(pictures(), INFO, shown=SHOWN))
    assert (trained.steps_an_epoch, trained.steps) == (3, 9)
    seen: list[int] = []
    frame_showing = trained.frames.frame_showing

    def note(picture: int, turn: int) -> int:
        seen.append(frame_showing(picture, turn))
        return seen[-1]

    trained.frames.frame_showing = note  # type: ignore[method-assign]
    for epoch in range(3):
        for position in range(3):
            trained._train_step(epoch, position)
        assert sorted(SHOWN[index] for index in seen[-3:]) == [0, 1, 2]
    assert sorted(set(seen)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.slow
def test_all_frames_of_a_slow_clip_are_in_its_scene(tmp_path: Path) -> None:
    frames = ClipFrames(pictures(), INFO, shown=SHOWN)
    trained = trainer(frames, still_panorama=True)
    assert trained.run(tmp_path / "c", lambda step: None, lambda: False)
    path = tmp_path / "s.safetensors"
    result = export_scene(trained, Attribution("Square", "", "", ""))
    write_coded(path, result.scene)
    scene = read_scene(path)
    decoder = scene.decoders["nerv360"]
    assert scene.frames == decoder.embeddings.shape[0] == len(SHOWN)
    assert scene.still is not None
    for values in (decoder.embeddings, *decoder.finer, scene.still.motion):
        assert torch.equal(values[0], values[2])
        assert torch.equal(values[4], values[5])
        assert not torch.equal(values[2], values[4])


def half() -> Tensor:
    """Coverage of the western half of a sphere."""
    return (torch.arange(128) < 64).expand(64, 128).clone()


def test_looks_are_drawn_where_the_clip_shows_something() -> None:
    config = trainer(ClipFrames(pictures(), INFO)).config
    weights = covered_directions(half())
    drawn = torch.cat([random_looks(config, 1, 0, step, None, weights) for step in range(200)])
    beyond = math.radians(config.hfov_deg) / 4 + 0.1
    assert float(drawn[:, 0].max()) < beyond
    assert float(drawn[:, 0].min()) > -math.pi - beyond
    _, looks = held_out_looks(config, 6, 24, half())
    assert len(looks) == 24
    assert float(looks[:, 0].max()) <= 0
    assert float(looks[:, 1].min()) < -0.8 < 0.8 < float(looks[:, 1].max())
    assert torch.equal(held_out_looks(config, 6, 24)[1], held_out_looks(config, 6, 24, None)[1])


def test_what_is_not_shown_is_learned_as_black_and_nothing_else() -> None:
    trained = trainer(ClipFrames(pictures(), INFO, coverage=half()))
    objective = Objective(trained.network, SETTINGS, half())
    frame = trained.frames.frame(0, torch.device("cpu")) * half()
    looks = torch.tensor([[0.0, 0.0, 0.0, 1.5]], dtype=torch.float64)
    target = trained.network.target(frame, looks)
    assert float(objective(target, frame, looks, 0)) == pytest.approx(0, abs=0.02)
    right = target.clone()
    right[..., -8:] = 0.5
    right.requires_grad_(True)
    objective(right, frame, looks, 0).backward()  # type: ignore[no-untyped-call]
    assert right.grad is not None
    outside = right.grad[..., -8:]
    assert torch.allclose(outside, outside.flatten()[0].expand_as(outside), rtol=1e-3)
    assert float(outside.min()) > 0


def test_quality_is_of_what_is_shown() -> None:
    clip = pictures()
    clip[:, :, 64:] = 0
    covered = ClipFrames(clip, INFO, coverage=half())
    trained = trainer(covered)
    count = SETTINGS.held_out
    before = held_out_quality(trained.network.eval(), covered, trained.times, count)
    other = ClipFrames(clip.clone(), INFO, coverage=half())
    other.bytes[:, :, 65:] = 255
    codes = [trained.network.encode(covered.frame(k, torch.device("cpu"))) for k in range(3)]
    judged = [
        held_out_quality(
            trained.network, frames, trained.times, count, embeddings=lambda index: codes[index]
        ).psnr_db
        for frames in (covered, other)
    ]
    assert judged[0] == pytest.approx(before.psnr_db, abs=1e-6)
    assert judged[1] == pytest.approx(judged[0], abs=1e-6)
    whole = ClipFrames(other.bytes, INFO)
    assert held_out_quality(trained.network, whole, trained.times, count).psnr_db != judged[0]
