"""Training: the loss, resuming, stopping, several processes, and what the command refuses."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_msssim import MS_SSIM

from model.config import ModelConfig
from model.errors import InputError
from model.geometry import erp_angles
from model.scene import FORMAT_VERSION, Sample, read_scene
from model.training import quality
from model.training.autoencoder import Autoencoder
from model.training.checkpoint import load_checkpoint, save_checkpoint
from model.training.dataset import fit_config, read_clip
from model.training.loss import (
    DistortionLoss,
    TrainingMSSSIM,
    fourier_l1,
    ms_ssim_module,
    ms_ssim_window,
)
from model.training.processes import Processes
from model.training.sampling import epoch_order, held_out_looks, random_looks
from model.training.settings import TrainingSettings, training_preset, with_changes
from model.training.trainer import Trainer
from model.video.reading import VideoInfo, open_frames
from model.video.writing import VideoWriter
from viewer.cli import main

TINY = [
    "--preset=demo",
    "--device=cpu",
    "--set=channels=16",
    "--set=viewport_width=96",
    "--set=viewport_height=64",
    "--set=held_out=4",
    "--set=evaluate_every=1",
    "--set=checkpoint_s=0",
]
ROOT = Path(__file__).parents[3]


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
    options = (option.split("=") for option in TINY if option.startswith("--set"))
    changes = {name: value for _, name, value in options}
    return with_changes(config, settings, {**changes, "epochs": "3"})


def trainer_for(clip: Path, architecture: str = "nerv360") -> Trainer:
    config, settings = config_for(clip, architecture)
    frames = read_clip(clip, (config.frame_height, config.frame_width))
    return Trainer(config, settings, frames, torch.device("cpu"), Processes())


def test_the_fourier_term_is_the_mean_over_the_full_spectrum() -> None:
    generator = torch.Generator().manual_seed(0)
    for width in (20, 21):
        error = torch.randn(2, 3, 12, width, generator=generator)
        spectrum = np.fft.fft2(error.numpy())
        expected = np.mean(np.abs(np.stack([spectrum.real, spectrum.imag])))
        assert fourier_l1(error).item() == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_is_equation_2() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(1, 3, 176, 192, generator=generator) for _ in range(2))
    l1 = (a - b).abs().mean()
    expected = fourier_l1(a - b) + 60 * 0.7 * l1 + 60 * 0.3 * (1 - ms_ssim_module(176, 192)(a, b))
    torch.testing.assert_close(DistortionLoss(176, 192)(a, b), expected)
    assert DistortionLoss(176, 192)(a, a).item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(("device", "planar"), [("cpu", False), ("meta", True)])
def test_ms_ssim_gets_pictures_as_the_device_filters_them_best(
    device: str, planar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes: list[bool] = []

    def forward(_: object, *pictures: torch.Tensor) -> torch.Tensor:
        planes.extend(picture.is_contiguous() for picture in pictures)
        return pictures[0].mean()

    monkeypatch.setattr(MS_SSIM, "forward", forward)
    picture = torch.empty(1, 3, 64, 96, device=device).to(memory_format=torch.channels_last)
    ms_ssim_module(64, 96).to(device)(picture, picture)
    assert planes == [planar, planar]


@pytest.mark.parametrize("size", [(176, 192), (181, 333), (40, 64)])
def test_the_trainings_ms_ssim_is_the_published_one(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    original = torch.rand(2, 3, *size, generator=generator)
    picture = (original + 0.2 * torch.randn(2, 3, *size, generator=generator)).clamp(0, 1)
    values, gradients = [], []
    for module in (ms_ssim_module(*size), TrainingMSSSIM(ms_ssim_window(*size))):
        leaf = picture.clone().requires_grad_()
        value = module(leaf, original)
        values.append(value.item())
        gradients.append(torch.autograd.grad(value, leaf)[0])
    assert values[1] == pytest.approx(values[0], abs=2e-5)
    published, ours = gradients
    assert (ours - published).norm() < 1e-3 * published.norm()


def test_half_precision_on_a_cpu_reaches_the_decoder_alone(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.trainer.multiplies_bfloat16", lambda: True)
    trainer = trainer_for(clip)
    types: dict[str, torch.dtype] = {}
    network = trainer.network
    network.encoder.register_forward_hook(lambda *it: types.update(encoder=it[2].dtype))
    network.decoder.head.conv.register_forward_hook(lambda *it: types.update(head=it[2].dtype))
    trainer._train_step(0, 0)
    assert types == {"encoder": torch.float32, "head": torch.bfloat16}


def test_looks_are_uniform_on_the_sphere_and_belong_to_their_step() -> None:
    config = training_preset("demo", "nerv360")[0]
    looks = random_looks(config, 4096, 3, 7)
    assert torch.equal(looks, random_looks(config, 4096, 3, 7))
    assert not torch.equal(looks, random_looks(config, 4096, 3, 8))
    assert looks[:, 0].abs().max() <= math.pi
    assert torch.sin(looks[:, 1]).mean().abs() < 0.05
    assert torch.sin(looks[:, 1]).var().item() == pytest.approx(1 / 3, abs=0.02)
    fixed, spread = held_out_looks(config, 30, 24)
    assert [fixed.count(frame) for frame in sorted(set(fixed))] == [3] * 8
    for frame in set(fixed):
        pitches = spread[[k for k, other in enumerate(fixed) if other == frame], 1]
        assert pitches.max() > 0.3
        assert pitches.min() < -0.3
    assert spread[:, 1].mean().abs() < 1e-6


def test_every_epoch_sees_every_frame_in_its_own_order() -> None:
    assert sorted(epoch_order(50, 1, 3)) == list(range(50))
    assert epoch_order(50, 1, 3) != epoch_order(50, 1, 4)


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


def test_the_best_weights_are_kept(clip: Path, tmp_path: Path) -> None:
    trainer = trainer_for(clip)
    trainer.run(tmp_path / "d", lambda step: None, lambda: False)
    best = {name: value.clone() for name, value in trainer.best.items()}
    trainer.best_psnr_db = 99.0
    trainer._end_epoch(0)
    for name, value in trainer.best_network().state_dict().items():
        assert torch.equal(value, best[name])


@pytest.mark.parametrize("architecture", ["nerv360", "hnerv", "hnerv-boost"])
def test_half_precision_is_judged_on_the_target_that_float32_is(
    clip: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[tuple[torch.Tensor, torch.Tensor]] = []
    psnr = quality.psnr_8bit

    def note(decoded: torch.Tensor, original: torch.Tensor) -> float:
        judged.append((decoded.float(), original))
        return psnr(decoded, original)

    monkeypatch.setattr(quality, "psnr_8bit", note)
    trainer = trainer_for(clip, architecture)
    monkeypatch.setattr(trainer, "_half_precision", nullcontext)
    trainer._end_epoch(0)
    monkeypatch.setattr(trainer, "_half_precision", lambda: torch.autocast("cpu", torch.bfloat16))
    trainer._end_epoch(0)
    count = trainer.settings.held_out
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


def test_the_command_writes_a_scene_and_nothing_else(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scene.safetensors"
    assert main(["train", str(clip), "-o", str(target), "--epochs=1", *TINY]) == 0
    scene = read_scene(target)
    assert scene.frames == 4
    assert scene.decoders["nerv360"].training.psnr_db is not None
    assert scene.fingerprint is not None
    pictures = [Sample.of(picture) for picture in open_frames(clip)]
    assert scene.fingerprint.samples == tuple(pictures)
    assert [p.name for p in tmp_path.iterdir()] == ["scene.safetensors"]
    assert "cost" in capsys.readouterr().out
    before = target.read_bytes()
    assert main(["train", str(clip), "-o", str(target), "--epochs=1", *TINY]) == 2
    assert target.read_bytes() == before


def test_a_decoder_is_added_to_a_scene(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "scene.safetensors"
    assert main(["train", str(clip), "-o", str(target), "--epochs=1", *TINY]) == 0
    for model in ("hnerv", "hnerv-boost"):
        arguments = ["train", str(clip), "--into", str(target), "--model", model, "--epochs=1"]
        assert main([*arguments, *TINY]) == 0
    assert sorted(read_scene(target).decoders) == ["hnerv", "hnerv-boost", "nerv360"]
    assert main(["train", str(clip), "--into", str(target), "--epochs=1", *TINY]) == 2


def test_ctrl_c_leaves_a_scene_that_opens_and_resumes(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "scene.safetensors"
    command = [sys.executable, "-m", "viewer", "train", str(clip), "-o", str(target), *TINY]
    command += ["--epochs=5000"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert read_scene(target).decoders["nerv360"].training.steps > 0
    assert target.with_name("scene.safetensors.checkpoint").is_file()


@pytest.mark.timeout(600)
def test_two_processes_train_as_one(clip: Path, tmp_path: Path) -> None:
    """Both end with the same weights, and every step has seen two frames."""
    target = tmp_path / "scene.safetensors"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    command += ["-m", "viewer", "train", str(clip), "-o", str(target), "--epochs=2", *TINY]
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
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_clips_of_other_shapes_are_fitted_or_refused() -> None:
    preset = training_preset("demo", "nerv360")[0]
    fitted = fit_config(preset, VideoInfo(640, 322, 30.0, 10), "a.mp4")
    assert (fitted.frame_width, fitted.frame_height) == (640, 320)
    assert fitted.viewport_width % fitted.scale == 0
    with pytest.raises(InputError, match="not equirectangular"):
        fit_config(preset, VideoInfo(640, 480, 30.0, 10), "b.mp4")
    with pytest.raises(InputError, match="too small"):
        fit_config(preset, VideoInfo(12, 6, 30.0, 10), "c.mp4")
