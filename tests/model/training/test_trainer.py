"""A training learns, stops, resumes bit for bit, and keeps its best weights."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.geometry import erp_angles
from nerv360.metrics.similarity import psnr_8bit
from nerv360.scene import FORMAT_VERSION
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.checkpoint import load_checkpoint, save_checkpoint
from nerv360.training.dataset import fit_config, random_looks, read_clip
from nerv360.training.processes import Processes
from nerv360.training.quality import Quality, held_out_quality
from nerv360.training.settings import TrainingSettings, training_preset, with_changes
from nerv360.training.trainer import StepReport, Trainer
from nerv360.video import open_clip
from nerv360.video.reading import VideoInfo
from nerv360.video.writing import VideoWriter

CHANGES = {
    "channels": "16",
    "viewport_width": "96",
    "viewport_height": "64",
    "held_out": "4",
    "evaluate_every": "1",
    "checkpoint_s": "0",
    "epochs": "3",
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of a coloured sphere that turns, 128×64."""
    path = tmp_path_factory.mktemp("clip") / "turning.mp4"
    longitude, latitude = erp_angles(64, 128)
    with VideoWriter(path, 128, 64, 10.0, crf=8) as writer:
        for turn in range(4):
            red = 0.5 + 0.4 * torch.cos(longitude + turn / 2).expand(64, 128)
            green = 0.5 + 0.4 * torch.sin(2 * latitude)[:, None].expand(64, 128)
            blue = 0.5 + 0.4 * torch.sin(3 * longitude).expand(64, 128)
            writer.write((torch.stack([red, green, blue], -1) * 255).byte())
    return path


def config_for(clip: Path, architecture: str = "nerv360") -> tuple[ModelConfig, TrainingSettings]:
    config, settings = training_preset("demo", architecture)
    config = fit_config(config, VideoInfo(128, 64, 10.0, 4), str(clip))
    return with_changes(config, settings, CHANGES)


def trainer_for(clip: Path, architecture: str = "nerv360") -> Trainer:
    config, settings = config_for(clip, architecture)
    frames = read_clip(open_clip(clip), (config.frame_height, config.frame_width))
    return Trainer(config, settings, frames, torch.device("cpu"), Processes())


def test_half_precision_on_a_cpu_reaches_the_decoder_alone(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    trainer = trainer_for(clip)
    types: dict[str, torch.dtype] = {}
    network = trainer.network
    network.encoder.register_forward_hook(lambda *it: types.update(encoder=it[2].dtype))
    head = network.decoder.layout().head.conv
    head.register_forward_hook(lambda *it: types.update(head=it[2].dtype))
    trainer.run(tmp_path / "c", lambda step: None, lambda: True)
    assert types == {"encoder": torch.float32, "head": torch.bfloat16}


@pytest.mark.slow
def test_training_learns_and_resumes_bit_for_bit(clip: Path, tmp_path: Path) -> None:
    unbroken = trainer_for(clip)
    losses: list[float] = []
    assert unbroken.run(tmp_path / "a", lambda step: losses.append(step.loss), lambda: False)
    assert len(losses) == 12
    assert sum(losses[-4:]) < sum(losses[:4])

    broken = trainer_for(clip)
    assert not broken.run(tmp_path / "b", lambda step: None, lambda: broken.step == 5)
    resumed = trainer_for(clip)
    resumed.resume(tmp_path / "b")
    assert resumed.step == 5
    assert resumed.run(tmp_path / "b", lambda step: None, lambda: False)
    for name, value in unbroken.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert unbroken.best_psnr_db == resumed.best_psnr_db


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv"])
def test_in_float16_the_loss_is_scaled_and_the_scale_survives_a_resume(
    architecture: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA's way with cards and networks that bfloat16 does not suit, on the CPU."""
    monkeypatch.setattr(
        "nerv360.training.learner.training_precision", lambda *args, **options: torch.float16
    )
    unbroken = trainer_for(clip, architecture)
    types: set[torch.dtype] = set()
    unbroken.network.decoder.register_forward_hook(lambda *call: types.add(call[-1].dtype))
    losses: list[float] = []
    unbroken._scaler._init_scale = 2.0**18  # far too large: the first steps must not be taken
    first = {k: v.clone() for k, v in unbroken.network.state_dict().items()}
    moved: list[bool] = []

    def report(step: StepReport) -> None:
        losses.append(step.loss)
        now = unbroken.network.state_dict()
        moved.append(any(not torch.equal(first[k], now[k]) for k in first))

    assert unbroken.run(tmp_path / "a", report, lambda: False)
    assert types == {torch.float16}
    assert not moved[0]
    assert moved[-1]
    assert all(value.isfinite().all() for value in unbroken.network.state_dict().values())

    scale = unbroken._scaler.get_scale()
    assert scale < 2.0**18
    resumed = trainer_for(clip, architecture)
    resumed.resume(tmp_path / "a")
    assert resumed._scaler.get_scale() == scale
    resumed._train_step(0, 0)
    resumed.network.eval()


def test_a_checkpoint_of_another_training_is_refused(clip: Path, tmp_path: Path) -> None:
    trainer = trainer_for(clip)
    trainer.run(tmp_path / "c", lambda step: None, lambda: True)
    other = trainer_for(clip)
    other.settings = TrainingSettings(epochs=7)
    with pytest.raises(InputError, match="another training"):
        other.resume(tmp_path / "c")
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:300])
    with pytest.raises(InputError, match="damaged"):
        trainer_for(clip).resume(tmp_path / "c")


def test_a_checkpoint_of_earlier_networks_is_refused(clip: Path, tmp_path: Path) -> None:
    """Its weights fit, and would go on as those of another network."""
    path = tmp_path / "c"
    trainer_for(clip).run(path, lambda step: None, lambda: True)
    state = load_checkpoint(path)
    state["identity"]["version of the networks"] = FORMAT_VERSION - 1
    save_checkpoint(path, state)
    with pytest.raises(InputError, match=r"made with another version of the networks"):
        trainer_for(clip).resume(path)
    del state["identity"]["version of the networks"]
    save_checkpoint(path, state)
    with pytest.raises(InputError, match=r"made with another version of the networks"):
        trainer_for(clip).resume(path)


def test_a_checkpoint_is_written_after_a_third_however_short_the_training(
    clip: Path, tmp_path: Path
) -> None:
    trainer = trainer_for(clip)
    trainer.settings = replace(trainer.settings, checkpoint_s=1000)
    trainer.steps, saved = 10, []
    trainer.after_saving = lambda: saved.append(trainer.step)
    trainer.run(tmp_path / "c", lambda step: None, lambda: False)
    assert saved == [4]
    again = trainer_for(clip)
    again.resume(tmp_path / "c")
    again.settings = replace(again.settings, checkpoint_s=1000)
    again.steps, again.after_saving = 13, trainer.after_saving
    again.run(tmp_path / "c", lambda step: None, lambda: False)
    assert saved == [4]


def test_the_gain_of_the_last_third_is_measured_or_unknown(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_for(clip)
    assert trainer.late_gain_db() is None
    for step, psnr in ((3, 20.0), (6, 24.0), (9, 25.5)):
        quality = Quality(psnr, None, None)
        monkeypatch.setattr(
            "nerv360.training.trainer.held_out_quality", lambda *a, q=quality, **k: q
        )
        trainer.step = step
        trainer.evaluate()
    assert trainer.late_gain_db() == 1.5
    assert trainer.save(tmp_path / "c")
    again = trainer_for(clip)
    again.resume(tmp_path / "c")
    for again.step in (15, 24):
        again.evaluate()
    assert again.late_gain_db() is None  # the first third was measured by another process
    trainer.step = 20  # nothing was measured in its last third
    assert trainer.late_gain_db() is None


@pytest.mark.slow
def test_the_best_weights_are_kept(clip: Path, tmp_path: Path) -> None:
    trainer = trainer_for(clip)
    trainer.run(tmp_path / "d", lambda step: None, lambda: False)
    best = {name: value.clone() for name, value in trainer.best.items()}
    trainer.best_psnr_db = 99.0
    trainer.evaluate()
    for name, value in trainer.best_network().state_dict().items():
        assert torch.equal(value, best[name])


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv", "hnerv-boost"])
def test_half_precision_is_judged_on_the_target_that_float32_is(
    clip: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[tuple[torch.Tensor, torch.Tensor]] = []

    def note(decoded: torch.Tensor, original: torch.Tensor) -> float:
        judged.append((decoded.float(), original))
        return psnr_8bit(decoded, original)

    monkeypatch.setattr("nerv360.training.quality.psnr_8bit", note)
    trainer = trainer_for(clip, architecture)
    network, count = trainer.network.eval(), trainer.settings.held_out
    for precision in (nullcontext, partial(torch.autocast, "cpu", torch.bfloat16)):
        held_out_quality(network, trainer.frames, trainer.times, count, precision=precision)
    assert len(judged) == 2 * count
    for (single, original), (half, target) in zip(judged[:count], judged[count:], strict=True):
        assert torch.equal(target, original)
        assert 0 < (half - single).abs().max() < 0.1


def test_a_training_step_in_half_precision_has_the_target_of_float32(clip: Path) -> None:
    config = config_for(clip)[0]
    network = Autoencoder(config)
    frame, looks = torch.rand(1, 3, 384, 768), random_looks(config, 3, 0, 0)
    expected = network.target(frame, looks)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.target(frame, looks), expected)
    assert not torch.equal(network.target(frame.bfloat16(), looks), expected)
    assert network.target(frame.bfloat16(), looks).dtype == torch.float32


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv-boost"])
def test_a_frame_in_bytes_is_cut_before_it_is_converted(clip: Path, architecture: str) -> None:
    trainer = trainer_for(clip, architecture)
    network, cpu = trainer.network.train(), torch.device("cpu")
    looks = random_looks(trainer.config, 1, 0, 0)
    as_bytes, as_floats = trainer.frames.planes(0, cpu), trainer.frames.frame(0, cpu)
    assert as_bytes.dtype == torch.uint8
    torch.testing.assert_close(network.target(as_bytes, looks), network.target(as_floats, looks))
    decoded = [network(frame, trainer.times[:1], looks) for frame in (as_bytes, as_floats)]
    torch.testing.assert_close(*decoded)
