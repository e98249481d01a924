"""Looks and frames that are trained on, and looks that are held out."""

from __future__ import annotations

import math

import pytest
import torch

from nerv360.training.dataset import epoch_order, held_out_looks, random_looks
from nerv360.training.settings import training_preset


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
