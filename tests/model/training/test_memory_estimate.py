"""Memory estimates are what a network's tensors take."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from nerv360.networks import count_parameters, preset
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.choice import sharpened
from nerv360.training.dataset import ClipFrames, fit_config
from nerv360.training.loss import DistortionLoss
from nerv360.training.memory_estimate import (
    _LIBRARIES,
    OPTIMISER_COPIES,
    WIDEST_PITCH_DEG,
    LiveBytes,
    predicted_bytes,
    training_needs,
)
from nerv360.training.processes import Processes
from nerv360.training.settings import training_preset
from nerv360.training.trainer import Trainer
from nerv360.video.reading import VideoInfo
from tests.support.memory import counted_decoding
from tests.support.scenes import CONFIGS

TRIO = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}
TINY = TRIO["nerv360"]


def test_bytes_are_counted_while_their_tensor_lives() -> None:
    with LiveBytes() as counter:
        first = torch.zeros(1000)
        second = first + 1
        view = second[:10]
        assert counter.live == 8000
        del first, second
        assert counter.live == 4000
        del view
        assert counter.live == 0
    assert counter.peak == 8000


@pytest.mark.slow
def test_the_prediction_is_what_a_real_training_step_holds() -> None:
    config = TINY.replace(frame_height=192, frame_width=384, viewport_height=96, viewport_width=144)
    network, loss = Autoencoder(config), DistortionLoss(96, 144)
    time, look = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    look[0, 1], look[0, 3] = math.radians(WIDEST_PITCH_DEG), math.radians(config.hfov_deg)
    with LiveBytes() as counter:
        frame = torch.rand(1, 3, 192, 384)
        loss(network(frame, time, look), network.target(frame, look)).backward()
    parameters = sum(p.numel() * 4 for p in network.parameters())
    predicted = predicted_bytes("training", config) - OPTIMISER_COPIES * parameters
    assert predicted == pytest.approx(counter.peak, rel=0.1)


@pytest.mark.parametrize("name", ["paper", "paper-hnerv", "paper-hnerv-boost"])
def test_a_decoder_in_half_precision_is_predicted_so(name: str) -> None:
    config = preset(name)
    counted = counted_decoding(config, torch.float16)
    predicted = predicted_bytes("decoding", config, torch.float16) - 4 * count_parameters(config)
    assert predicted == pytest.approx(counted, rel=0.01)


def test_whole_frames_of_the_papers_take_half_the_memory_in_half_precision() -> None:
    boost = preset("paper-hnerv-boost")
    whole, half = (predicted_bytes("decoding", boost, t) for t in (torch.float32, torch.float16))
    assert half < 11 * 2**30 < 20 * 2**30 < whole
    assert whole < 21 * 2**30, "without the copies that wrapping around the sphere takes"
    assert predicted_bytes("decoding", boost.replace(erp_padding="wrap")) > 24 * 2**30


@pytest.mark.slow
def test_full_frames_take_more_to_decode_and_training_more_than_decoding() -> None:
    viewport = predicted_bytes("decoding", TINY)
    whole = predicted_bytes("decoding", TRIO["hnerv-boost"])
    assert viewport < whole < predicted_bytes("training", TRIO["hnerv-boost"])


@pytest.mark.slow
def test_a_steps_tensors_stay_below_what_a_whole_training_is_said_to_take() -> None:
    config, settings = training_preset("demo", "nerv360")
    config = fit_config(sharpened(config), VideoInfo(512, 256, 30.0, 4), "")
    pictures = torch.randint(
        256, (4, config.frame_height, config.frame_width, 3), dtype=torch.uint8
    )
    frames = ClipFrames(pictures, VideoInfo(512, 256, 30.0, 4))
    settings = replace(settings, epochs=1, held_out=2)
    over = config.replace(still_panorama=True)
    device = torch.device("cpu")
    needs = training_needs(over, settings, device, pictures=4, reading=0)
    trainer = Trainer(over, settings, frames, device, Processes())
    with LiveBytes() as counter:
        trainer._train_step(0, 0)
        trainer.evaluate()
    working = needs.main - pictures.nbytes - _LIBRARIES
    # The loss that a GPU computes keeps more, and counts.
    assert 0.4 * working < counter.peak < working


def test_the_clip_is_held_once_and_its_embeddings_in_less_than_a_quarter() -> None:
    config, settings = training_preset("demo", "nerv360")
    config = fit_config(config.replace(level_channels=(2,)), VideoInfo(1920, 960, 30.0, 4), "")
    few, many = (
        training_needs(config, settings, torch.device("cpu"), pictures=count, reading=0).main
        for count in (1000, 2000)
    )
    picture = 3 * 1920 * 960
    assert picture <= (many - few) / 1000 < 1.25 * picture


def test_a_gpu_holds_the_step_and_main_memory_the_clip() -> None:
    config, settings = training_preset("demo", "nerv360")
    config = fit_config(config, VideoInfo(1920, 960, 30.0, 4), "")
    needs = training_needs(config, settings, torch.device("cuda"), pictures=100, reading=0)
    whole = training_needs(config, settings, torch.device("cpu"), pictures=100, reading=0)
    assert 100 * 3 * 1920 * 960 < needs.main < whole.main
    assert 0 < needs.device < whole.main
