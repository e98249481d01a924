"""Small scenes with random weights, for tests that need a scene but no training."""

from __future__ import annotations

import torch

from model.config import ModelConfig
from model.networks import build_decoder
from model.scene import Decoder, Material, Scene, TrainingSummary

TINY = ModelConfig(
    frame_height=48,
    frame_width=96,
    encoder_channels=4,
    channels=8,
    min_width=4,
    condition_channels=4,
    encoding_levels=4,
    viewport_height=24,
    viewport_width=48,
)
CONFIGS = {
    "nerv360": TINY,
    "hnerv": TINY.replace(architecture="hnerv"),
    "hnerv-boost": TINY.replace(architecture="hnerv-boost", embedding_channels=3),
}


def tiny_scene(*names: str, frames: int = 3) -> Scene:
    """A random scene with the named decoders, nerv360 alone by default."""
    torch.manual_seed(0)
    decoders = {}
    for name in names or ("nerv360",):
        config = CONFIGS[name]
        shape = (frames, config.embedding_channels, *config.embedding_size)
        decoders[name] = Decoder(
            config=config,
            weights=build_decoder(config).state_dict(),
            embeddings=torch.randn(shape) * 3 + 1,
            training=TrainingSummary(2, 6, 31.5, 0.9, 12.0, {"lr": 1e-4, "resumed": [1, None]}),
        )
    material = Material("Pier", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(material, 96, 48, 29.97, frames, decoders)


def lively_decoder(config: ModelConfig, frames: int = 3) -> Decoder:
    """A random decoder whose affines are far from the identity, as trained ones are."""
    torch.manual_seed(0)
    weights = build_decoder(config).state_dict()
    for name, weight in weights.items():
        if "gamma.2" in name or "beta.2" in name:
            weight.normal_(std=0.2)
    embeddings = torch.randn(frames, config.embedding_channels, *config.embedding_size)
    return Decoder(config, weights, embeddings, TrainingSummary(0, 0, None, None, 0.0))
