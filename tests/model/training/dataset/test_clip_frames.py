"""The frame size that a configuration takes from a clip."""

from __future__ import annotations

import pytest
import torch

from nerv360.errors import InputError
from nerv360.networks import ARCHITECTURES, Encoder
from nerv360.training.dataset import fit_config
from nerv360.training.settings import training_preset
from nerv360.video.reading import VideoInfo


def test_clips_of_other_shapes_are_fitted_or_refused() -> None:
    preset = training_preset("demo", "nerv360")[0]
    fitted = fit_config(preset, VideoInfo(640, 322, 30.0, 10), "a.mp4")
    assert (fitted.frame_width, fitted.frame_height) == (640, 320)
    assert fitted.viewport_width % fitted.scale == 0
    with pytest.raises(InputError, match="not equirectangular"):
        fit_config(preset, VideoInfo(640, 480, 30.0, 10), "b.mp4")
    with pytest.raises(InputError, match="too small"):
        fit_config(preset, VideoInfo(12, 6, 30.0, 10), "c.mp4")


def test_a_clip_whose_embedding_is_too_small_to_be_padded_is_refused_with_the_least_size() -> None:
    preset = ARCHITECTURES["nerv360"].presets["paper"]
    with pytest.raises(InputError, match=r"^c: 96x48 is too small .*: give .* at least 144x72$"):
        fit_config(preset, VideoInfo(96, 48, 30.0, 4), "c")
    config = fit_config(preset, VideoInfo(144, 72, 30.0, 4), "c")
    shapes = [y.shape[1:] for y in Encoder(config).embeddings(torch.zeros(1, 3, 72, 144))]
    assert shapes == list(config.embedding_shapes)
