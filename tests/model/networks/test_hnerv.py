"""HNeRV as its authors published it."""

from __future__ import annotations

import torch

from nerv360.config import ModelConfig
from nerv360.networks.registry import build_decoder, frame_times


def test_published_hnerv_shapes_load() -> None:
    config = ModelConfig(
        architecture="hnerv",
        frame_height=640,
        frame_width=1280,
        encoder_strides=(5, 4, 4, 2, 2),
        embedding_channels=16,
        strides=(5, 4, 4, 2, 2),
        kernels=(1, 3, 5, 5, 5),
        blocks=(0, 0, 0, 0, 0),
        channels=68,
        erp_padding="zeros",
    )
    shapes = {
        "stem": (68, 16, 1),
        "stages.0.conv": (57 * 25, 68, 1),
        "stages.1.conv": (48 * 16, 57, 3),
        "stages.2.conv": (40 * 16, 48, 5),
        "stages.3.conv": (33 * 4, 40, 5),
        "stages.4.conv": (28 * 4, 33, 5),
        "head.conv": (3, 28, 3),
    }
    state = {}
    for name, (after, before, kernel) in shapes.items():
        state[f"{name}.weight"] = torch.randn(after, before, kernel, kernel) * 0.01
        state[f"{name}.bias"] = torch.zeros(after)
    decoder = build_decoder(config)
    decoder.load_state_dict(state)
    with torch.no_grad():
        picture = decoder(torch.randn(1, 16, 2, 4), frame_times(1))
    assert picture.shape == (1, 3, 640, 1280)
