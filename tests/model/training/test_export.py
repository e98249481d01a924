"""An export is as coarse as its rate lets it be, and its file holds the quality that it tells."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nerv360.networks import ARCHITECTURES
from nerv360.scene import (
    FINE,
    LEVELS,
    WEIGHT_BITS,
    Attribution,
    Coarseness,
    read_header,
    read_scene,
    write_coded,
)
from nerv360.scene.coding import rounded_embeddings, unpacked_embeddings
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import ClipFrames, fit_config
from nerv360.training.export import export_plainly, export_scene, export_so_far, search
from nerv360.training.export.embeddings import TrainedEmbeddings
from nerv360.training.memory_estimate import LiveBytes
from nerv360.training.processes import Processes
from nerv360.training.quality import Quality, held_out_quality
from nerv360.training.settings import TrainingSettings
from nerv360.training.trainer import Trainer
from nerv360.video.reading import VideoInfo
from tests.support.spheres import smooth_sphere

COUNT = 4
SETTINGS = TrainingSettings(epochs=12, learning_rate=5e-3, held_out=4, evaluate_every=100)
ATTRIBUTION = Attribution("Square", "", "", "")


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """Return a short training on a sphere before which a square moves, 128×64."""
    pictures = [smooth_sphere(64, 128).clone() for _ in range(COUNT)]
    for index, picture in enumerate(pictures):
        picture[20:44, 30 * index : 30 * index + 24] = torch.tensor([250, 40, 30])
    info = VideoInfo(128, 64, 30.0, COUNT)
    base = ARCHITECTURES["nerv360"].presets["demo"]
    config = fit_config(base.replace(channels=16, level_channels=(1,), hfov_deg=110.0), info, "")
    frames = ClipFrames(torch.stack(pictures), info)
    trainer = Trainer(config, SETTINGS, frames, torch.device("cpu"), Processes())
    trainer.run(tmp_path_factory.mktemp("c") / "c", lambda step: None, lambda: False)
    return trainer


def test_the_coarsest_that_the_rate_allows_is_chosen(trainer: Trainer, tmp_path: Path) -> None:
    sizes = []
    for rate in (0.0, 0.05, 0.5, 100.0):
        trainer.settings = replace(SETTINGS, rate=rate)
        result = export_scene(trainer, ATTRIBUTION)
        cost, moving_cost = result.cost
        assert moving_cost is not None
        assert max(cost, moving_cost) <= rate or result.coarseness is None
        path = tmp_path / "s.safetensors"
        write_coded(path, result.scene)
        sizes.append(read_header(path).embedding_bytes["nerv360"])
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[-1]
    assert result.coarseness == Coarseness(LEVELS[0], WEIGHT_BITS[0])


@torch.no_grad()
def test_the_quality_told_is_that_of_the_file(trainer: Trainer, tmp_path: Path) -> None:
    trainer.settings = replace(SETTINGS, rate=0.5)
    result = export_scene(trainer, ATTRIBUTION)
    path = tmp_path / "s.safetensors"
    write_coded(path, result.scene)
    read = read_scene(path).decoders["nerv360"]
    network = trainer.best_network()
    network.decoder.load_state_dict(read.weights)
    levels = (read.embeddings, *read.finer)
    quality = held_out_quality(
        network,
        trainer.frames,
        trainer.times,
        SETTINGS.held_out,
        embeddings=lambda index: [level[index : index + 1] for level in levels],
    )
    assert quality.psnr_db == result.stored.psnr_db
    assert math.isclose(read.training.psnr_db or 0, quality.psnr_db, abs_tol=1e-3)
    assert read.training.settings["rate"] == 0.5


@pytest.mark.parametrize("export", [export_scene, export_plainly])
def test_after_the_last_step_only_pictures_to_measure_with_are_kept(
    trainer: Trainer, export: Any
) -> None:
    trainer.settings = replace(SETTINGS, held_out=2, rate=0.5)
    before, frames = export(trainer, ATTRIBUTION), trainer.frames
    trainer.frames = ClipFrames(frames.bytes.clone(), frames.info)
    try:
        after = export(trainer, ATTRIBUTION, last=True)
        assert torch.equal(trainer.frames.picture(COUNT // 2), frames.picture(COUNT // 2))
        assert trainer.frames.digest == frames.digest
        for index in (0, 1, 3):
            with pytest.raises(ValueError, match=f"picture {index} is forgotten"):
                trainer.frames.picture(index)
    finally:
        trainer.frames = frames
    assert after.stored == before.stored
    assert after.scene.header == before.scene.header
    assert all(torch.equal(after.scene.tensors[k], t) for k, t in before.scene.tensors.items())


def test_a_coarseness_that_costs_too_much_leaves_no_trace(trainer: Trainer, tmp_path: Path) -> None:
    trainer.settings = replace(SETTINGS, rate=0.0)
    trained = trainer.best_network().decoder.state_dict()
    finest = export_scene(trainer, ATTRIBUTION)
    bits = WEIGHT_BITS[-1] if finest.coarseness is None else finest.coarseness.weight_bits
    assert bits > WEIGHT_BITS[0]
    path = tmp_path / "s.safetensors"
    write_coded(path, finest.scene)
    stored = read_scene(path).decoders["nerv360"].weights
    for name, weight in trained.items():
        step = float(weight.abs().max()) * 2.0 ** -(bits - 1)
        assert float((stored[name] - weight).abs().max()) <= step, name


def test_weights_that_need_more_bits_do_not_keep_embeddings_fine(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = trainer.best_network().decoder.state_dict()

    def sensitive(network: Autoencoder, *args: Any, **options: Any) -> Quality:
        """Return the held-out quality, and 1 dB less for each thousandth that weights are off."""
        quality = held_out_quality(network, *args, **options)
        off = max(
            float((weight - trained[name]).abs().max() / trained[name].abs().max())
            for name, weight in network.decoder.state_dict().items()
            if weight.dim() > 1
        )
        return replace(quality, psnr_db=quality.psnr_db - 1000 * off)

    monkeypatch.setattr(search, "held_out_quality", sensitive)
    trainer.settings = replace(SETTINGS, rate=1.0)
    chosen = export_scene(trainer, ATTRIBUTION).coarseness
    assert chosen is not None
    assert chosen.weight_bits == WEIGHT_BITS[-1]
    assert chosen.levels < LEVELS[-1]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] out of memory")])
def test_a_search_that_fails_leaves_a_plain_scene(
    trainer: Trainer,
    tmp_path: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(search, "_coarsest", fails)
    result = export_scene(trainer, ATTRIBUTION)
    assert result.coarseness is None
    assert "stored plainly" in caplog.text
    path = tmp_path / "s.safetensors"
    write_coded(path, result.scene)
    read = read_scene(path).decoders["nerv360"]
    assert abs((read.training.psnr_db or 0) - result.before.psnr_db) < 0.5


def test_the_scene_so_far_is_the_plain_scene_packed_quickly(
    trainer: Trainer, tmp_path: Path
) -> None:
    quick, plain = tmp_path / "quick.safetensors", tmp_path / "plain.safetensors"
    write_coded(quick, export_so_far(trainer, ATTRIBUTION))
    write_coded(plain, export_plainly(trainer, ATTRIBUTION).scene)
    one, other = (read_scene(path).decoders["nerv360"] for path in (quick, plain))
    assert torch.equal(one.embeddings, other.embeddings)
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert one.training.psnr_db == other.training.psnr_db
    assert one.training.ms_ssim is None


def test_embeddings_are_never_whole_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nerv360.training.export.embeddings._BLOCK", 2**12)
    config = (
        ARCHITECTURES["nerv360"]
        .presets["demo"]
        .replace(frame_height=192, frame_width=384, level_channels=(2,))
    )
    frames, generator = 40, torch.Generator().manual_seed(0)
    values = sum(map(math.prod, config.embedding_shapes))
    kept = TrainedEmbeddings(config, frames)
    for index in range(frames):
        kept.put(index, [torch.rand(1, *s, generator=generator) for s in config.embedding_shapes])
    with LiveBytes() as counter:
        kept.coded(Coarseness(16, 8), range(frames))
        rounded = kept.rounded(Coarseness(16, 8), (3, 7))
    assert counter.peak < frames * values
    assert [level.shape[1:] for level in rounded[7]] == [*config.embedding_shapes]


def test_blocks_are_rounded_as_a_whole_scene_is() -> None:
    config = (
        ARCHITECTURES["nerv360"]
        .presets["demo"]
        .replace(frame_height=96, frame_width=192, level_channels=())
    )
    waves = torch.arange(12)[:, None] / 3 + torch.arange(math.prod(config.embedding_shapes[0]))
    trained = waves.sin().view(12, *config.embedding_shapes[0])
    kept = TrainedEmbeddings(config, 12)
    for index, embedding in enumerate(trained):
        kept.put(index, [embedding[None]])
    for coarseness in (FINE, Coarseness(48, 8), Coarseness(16, 8, 1.0)):
        whole = rounded_embeddings(trained, coarseness)
        (coded,) = kept.coded(coarseness, range(12))
        stored = unpacked_embeddings(coded, tuple(trained.shape))
        assert torch.equal(torch.cat([kept.rounded(coarseness, (3,))[3][0]]), stored[3:4])
        apart = (stored - whole).abs() > 1e-5
        # 16 bits move a value across the middle between two levels now and then.
        assert float(apart.float().mean()) < 0.02
