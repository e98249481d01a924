"""A checkpoint goes on bit for bit, or is refused in one sentence."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from nerv360.errors import InputError
from nerv360.scene import Fingerprint
from nerv360.training.checkpoint import load_checkpoint, save_checkpoint
from nerv360.training.dataset import ClipFrames, fit_config
from nerv360.training.processes import Processes
from nerv360.training.settings import training_preset, with_changes
from nerv360.training.trainer import Trainer
from nerv360.video.reading import VideoInfo

CHANGES = {
    "channels": "8",
    "viewport_width": "96",
    "viewport_height": "64",
    "held_out": "2",
    "epochs": "3",
    "seed": "1",
}
COUNT = 3


def frames(seed: int = 0) -> ClipFrames:
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(256, (COUNT, 64, 128, 3), dtype=torch.uint8, generator=generator)
    return ClipFrames(pictures, VideoInfo(128, 64, 10.0, COUNT), Fingerprint(()))


def trainer(clip: ClipFrames | None = None, **changes: Any) -> Trainer:
    config, settings = training_preset("demo", "nerv360")
    config = fit_config(config, VideoInfo(128, 64, 10.0, COUNT), "clip")
    config, settings = with_changes(config, settings, {**CHANGES, **changes})
    return Trainer(config, settings, clip or frames(), torch.device("cpu"), Processes())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a training that was stopped after its fourth step."""
    path = tmp_path_factory.mktemp("checkpoint") / "c"
    stopped = trainer()
    assert not stopped.run(path, lambda step: None, lambda: stopped.step == 4)
    return path


def test_single_flipped_bits_are_refused(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    head = 8 * 56
    assert len(whole) > 100_000
    choose = random.Random(0)
    places = choose.sample(range(head), 100) + choose.sample(range(head, 8 * len(whole)), 100)
    damaged = tmp_path / "damaged"
    for place in places:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        damaged.write_bytes(data)
        with pytest.raises(InputError, match="train from the beginning"):
            load_checkpoint(damaged)


@pytest.mark.parametrize("length", [0, 1, 19, 24, 50, 60, 5000])
def test_what_is_cut_short_is_refused(path: Path, tmp_path: Path, length: int) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match="train from the beginning"):
        load_checkpoint(cut)


def test_a_file_with_something_else_inside_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "other", [1])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="other holds no training state: train from the"):
        load_checkpoint(tmp_path / "other")


def test_checkpoints_without_a_digest_are_refused(tmp_path: Path) -> None:
    torch.save({"step": 1}, tmp_path / "old")
    with pytest.raises(InputError, match="not a checkpoint of this program"):
        load_checkpoint(tmp_path / "old")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": "2"}, r"another training \(seed is 2 now, and was 1\)"),
        ({"learning_rate": "0.1"}, r"another training \(learning_rate"),
        ({"channels": "16"}, r"another network \(channels is 16 now, and was 8\)"),
        ({"epochs": "1"}, "it has 4 steps already, and 1 epochs have 3: give more than 2 epochs"),
    ],
)
def test_other_options_are_refused(path: Path, changes: dict[str, Any], sentence: str) -> None:
    other = trainer(**changes)
    before = {name: value.clone() for name, value in other.network.state_dict().items()}
    with pytest.raises(InputError, match=sentence):
        other.resume(path)
    assert other.step == 0
    for name, value in other.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_another_clip_is_refused(path: Path) -> None:
    clip = frames()
    clip.bytes = clip.bytes.clone()
    clip.bytes[-1, 0, 0] += 1
    with pytest.raises(InputError, match="another clip"):
        trainer(clip).resume(path)


def test_more_epochs_may_be_given(path: Path) -> None:
    longer = trainer(epochs="9")
    longer.resume(path)
    assert (longer.step, longer.steps) == (4, 27)


def test_a_training_that_was_complete_is_only_stored(tmp_path: Path) -> None:
    whole = trainer(epochs="1")
    assert whole.run(tmp_path / "c", lambda step: None, lambda: False)
    again = trainer(epochs="1")
    again.resume(tmp_path / "c")
    assert again.run(tmp_path / "c", lambda step: pytest.fail("a step"), lambda: False)


def _mutated(state: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """Yield the state with one value, anywhere in it, missing or replaced by a wrong one."""
    state = copy.deepcopy(state)
    place: Any = state
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = choose.choice(keys)
        inner = place[key]
        deeper = isinstance(inner, dict | list) and len(inner)
        if not deeper or choose.random() < 0.15:
            break
        place = inner
    if choose.random() < 0.3 and isinstance(place, dict):
        del place[key]
        return state
    odd: list[Any] = [None, "x", -1, 10**400, float("nan"), [], {}, torch.zeros(2, 3), True]
    odd += [torch.zeros(0), torch.zeros(1, dtype=torch.complex64), {"a": 1}]
    if isinstance(inner, torch.Tensor) and inner.numel():
        odd += [inner[None], inner.flatten()[:1], inner.double(), inner.to_sparse()]
    place[key] = choose.choice(odd)
    return state


@pytest.mark.slow
def test_well_formed_but_wrong_checkpoints_are_refused_or_go_on(path: Path, tmp_path: Path) -> None:
    state, refused, resumed = load_checkpoint(path), 0, trainer()
    for seed in range(60):
        save_checkpoint(tmp_path / "wrong", _mutated(state, random.Random(seed)))
        try:
            resumed.resume(tmp_path / "wrong")
            resumed.run(tmp_path / "next", lambda step: None, lambda: True)
            resumed = trainer()
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 40 < refused < 60


def test_crops_are_stored_by_their_first_name_and_set_by_the_new_one() -> None:
    config, settings = training_preset("demo", "nerv360")
    assert settings.to_dict()["windows"] is settings.crops is True
    with pytest.raises(InputError, match=r"^windows: there is no such number; known are .* crops,"):
        with_changes(config, settings, {"windows": "true"})
