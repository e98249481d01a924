"""Trainings over a still panorama: what stands still is sharp at once, and nothing freezes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.metrics import moving_error, pooled
from nerv360.networks import ARCHITECTURES, Coverage
from nerv360.scene import Attribution, merged, read_scene, write_coded
from nerv360.training.choice import suited_to_clip
from nerv360.training.dataset import ClipFrames, fit_config
from nerv360.training.export import export_scene
from nerv360.training.processes import Processes
from nerv360.training.settings import TrainingSettings
from nerv360.training.trainer import Trainer
from nerv360.video.reading import VideoInfo
from tests.support.spheres import smooth_sphere

COUNT = 6
SETTINGS = TrainingSettings(
    epochs=10, learning_rate=5e-3, held_out=6, evaluate_every=100, crops=True, looks_at_motion=0.7
)
ATTRIBUTION = Attribution("Square", "", "", "")


def clip() -> ClipFrames:
    """Fine stripes that stand still, and a large square that moves before them."""
    stripes = smooth_sphere(128, 256).clone()
    stripes[:, ::4] //= 2
    pictures = [stripes.clone() for _ in range(COUNT)]
    for index, picture in enumerate(pictures):
        picture[40:90, 40 * index : 40 * index + 40] = torch.tensor([250, 40, 30])
    info = VideoInfo(256, 128, 30.0, COUNT)
    return ClipFrames(torch.stack(pictures), info)


def config(architecture: str = "nerv360") -> ModelConfig:
    base = ARCHITECTURES[architecture].presets["demo"].replace(channels=16, hfov_deg=110.0)
    return fit_config(base, VideoInfo(256, 128, 30.0, COUNT), "clip")


def trained(config: ModelConfig, frames: ClipFrames, tmp_path: Path) -> Trainer:
    trainer = Trainer(config, SETTINGS, frames, torch.device("cpu"), Processes())
    trainer.run(tmp_path / "c", lambda step: None, lambda: False)
    return trainer


def frozen_db(frames: ClipFrames) -> float:
    """Quality where it moves of a player that shows the still panorama alone."""
    still = frames.still_bytes()
    db = pooled(moving_error(still, picture, still) for picture in frames.bytes).db
    assert db is not None
    return db


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["nerv360", "hnerv"])
def test_it_is_sharp_and_does_not_freeze(architecture: str, tmp_path: Path) -> None:
    frames, plain = clip(), config(architecture)
    over = plain.replace(still_panorama=True, level_channels=(1,))
    first, second = (trained(each, frames, tmp_path) for each in (plain, over))
    assert first.psnr_db is not None
    assert second.psnr_db is not None
    assert second.psnr_db > first.psnr_db + 1
    assert second.moving_db is not None
    assert second.moving_db > frozen_db(frames) + 3
    assert first.moving_db is not None
    assert second.moving_db > first.moving_db - 0.5


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv"])
def test_in_training_alpha_is_shut_where_nothing_moves(architecture: str) -> None:
    """Pixels drawn there have no effect on the picture, the loss or the weights."""
    frames = clip()
    over = config(architecture).replace(still_panorama=True)
    network = Trainer(over, SETTINGS, frames, torch.device("cpu"), Processes()).network
    looks = torch.tensor([[0.0, 0.1, 0.0, 1.9]], dtype=torch.float64)
    white = torch.ones_like(network.target(frames.planes(0, torch.device("cpu")), looks))
    assert network.motion is not None
    network.motion.fill_(8)
    network.motion[..., network.motion.shape[-1] // 2 :] = 0
    alpha, middle = network.alpha(white, looks, 0).detach(), white.shape[-1] // 2
    assert float(alpha[..., middle + 16 :].max()) == 0
    assert float(alpha[..., middle // 2 : middle - 16].min()) > 0.9


@pytest.mark.slow
def test_alpha_held_shut_is_told_by_what_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(self: Coverage, picture: Tensor, compared: Tensor, motion: Tensor) -> Tensor:
        return torch.zeros_like(picture[:, :1])

    monkeypatch.setattr(Coverage, "forward", shut)
    frames = clip()
    over = config().replace(still_panorama=True, level_channels=(1,))
    trainer = trained(over, frames, tmp_path)
    assert trainer.moving_db is not None
    assert trainer.moving_db < frozen_db(frames) + 1


def test_a_picture_beside_the_clip_is_learned_and_not_stored(tmp_path: Path) -> None:
    after = clip().picture(0).clone()
    after[40:90] = torch.tensor([20, 220, 60], dtype=torch.uint8)
    losses = []
    for beside in ({}, {COUNT: after}):
        frames = ClipFrames(clip().bytes, clip().info, beside=beside)
        trainer = trained(config().replace(still_panorama=True), frames, tmp_path)
        trainer.frames = ClipFrames(frames.bytes, frames.info, beside={COUNT: after})
        if not beside:
            assert trainer.still is not None
            trainer.network.add_motion(trainer.still.motion_of([after]))
            trainer.times = torch.cat([trainer.times, torch.ones(1, dtype=torch.float64)])
        looks = torch.tensor([[0.0, 0.0, 0.0, 1.9]], dtype=torch.float64)
        trainer.network.eval()
        with torch.no_grad():
            shown = trainer.frames.planes(COUNT, trainer.device)
            decoded = trainer.network(shown, trainer.times[COUNT : COUNT + 1], looks)
            losses.append(float(trainer.objective(decoded, shown, looks, COUNT)))
    assert losses[1] < 0.9 * losses[0]
    stored = export_scene(trainer, ATTRIBUTION).scene.header
    assert stored.frames == COUNT


def test_what_is_exported_has_the_panorama_and_every_level(tmp_path: Path) -> None:
    frames = clip()
    over = config().replace(still_panorama=True, level_channels=(0, 2))
    settings = replace(SETTINGS, epochs=1)
    trainer = Trainer(over, settings, frames, torch.device("cpu"), Processes())
    trainer.run(tmp_path / "c", lambda step: None, lambda: False)
    export = export_scene(trainer, ATTRIBUTION)
    path = tmp_path / "s.safetensors"
    write_coded(path, export.scene)
    scene = read_scene(path)
    decoder = scene.decoders["nerv360"]
    assert [tuple(level.shape) for level in decoder.finer] == [(COUNT, 2, 64, 128)]
    assert scene.still is not None
    assert abs(export.stored.psnr_db - export.before.psnr_db) < 1

    other = config("hnerv").replace(still_panorama=True, level_channels=(1,))
    beside = Trainer(other, settings, frames, torch.device("cpu"), Processes(), scene.still)
    write_coded(path, merged(export.scene, export_scene(beside, ATTRIBUTION).scene))
    both = read_scene(path)
    assert sorted(both.decoders) == ["hnerv", "nerv360"]
    assert torch.equal(both.decoders["nerv360"].embeddings, decoder.embeddings)
    shared = both.decoders["hnerv"].still
    assert shared is not None
    assert torch.equal(shared.packed, scene.still.packed)


def test_a_clip_that_moves_where_people_look_gets_no_panorama() -> None:
    """The sky and the ground stand still, as around a car on a bridge."""
    driving = clip()
    for index, picture in enumerate(driving.bytes):
        picture[48:80] = picture[48:80].roll(43 * index, 1)
    chosen, settings, why = suited_to_clip(config(), TrainingSettings(), driving)
    assert "without a still panorama" in why
    assert float(why.partition("%")[0]) > 50, "of the sphere"
    assert not chosen.still_panorama
    assert settings.looks_at_motion == 0


def test_a_clip_chooses_its_panorama() -> None:
    still, turning = clip(), clip()
    turning.bytes = torch.stack([p.roll(43 * k, 1) for k, p in enumerate(turning.bytes)])
    chosen, settings, why = suited_to_clip(config(), TrainingSettings(), still)
    assert chosen.still_panorama
    assert settings.looks_at_motion > 0
    assert "over a still panorama" in why
    chosen, settings, why = suited_to_clip(config(), TrainingSettings(), turning)
    assert not chosen.still_panorama
    assert settings.looks_at_motion == 0
    assert chosen.level_channels
    fixed = suited_to_clip(config(), TrainingSettings(), still, {"still_panorama"})[0]
    assert not fixed.still_panorama
    fixed = suited_to_clip(config(), TrainingSettings(), still, {"level_channels"})[0]
    assert fixed.level_channels == ()


def test_nerv360_projects_last_if_its_stages_can_run_on_the_sphere() -> None:
    def chosen(network: ModelConfig, *fixed: str) -> int:
        return suited_to_clip(network, TrainingSettings(), clip(), fixed)[0].project_after

    base = config()
    assert chosen(base) == len(base.strides)
    assert chosen(base, "project_after") == 0
    assert chosen(base.replace(erp_padding="zeros")) == 0
    assert chosen(base.replace(expand_before_projection=False)) == 0
    assert chosen(config("hnerv")) == 0
