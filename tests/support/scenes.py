"""Small scenes with random weights, for tests that need a scene but no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.networks import build_decoder
from nerv360.scene import (
    Attribution,
    CodedScene,
    Decoder,
    Scene,
    StillPanorama,
    TrainingSummary,
    coded_scene,
    joined,
)

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


def over_still(config: ModelConfig) -> ModelConfig:
    """``config`` with a finer embedding and pictures over a still panorama."""
    channels = (0, 2) if len(config.strides) > 2 else (2,)
    return config.replace(level_channels=channels, still_panorama=True)


def over_still_scene(*names: str, frames: int = 3) -> Scene:
    """Like `tiny_scene`, of `over_still` configurations, over waves of colour."""
    decoders = {n: decoder_over_still(CONFIGS[n], frames) for n in names or ("nerv360",)}
    attribution = Attribution("Pier", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(attribution, 96, 48, 29.97, frames, decoders)


def decoder_over_still(config: ModelConfig, frames: int = 3) -> Decoder:
    """Return a `lively_decoder` of `over_still` of ``config``.

    Its pictures cover waves of colour in part.
    """
    height, width = config.frame_height, config.frame_width
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    planes = [rows * 240 / height, columns * 250 / width, 128 + 90 * (columns / 8).sin()]
    decoder = lively_decoder(over_still(config), frames)
    # Random pictures are far from it everywhere; so much that alpha is open all over.
    decoder.weights["coverage.threshold"].fill_(10.0)
    picture = torch.stack(planes, -1).to(torch.uint8)
    moved = [picture.roll(20 * k, 1) if k else picture for k in range(frames)]
    return replace(decoder, still=StillPanorama.of(picture, moved))


def shown(pixels: Tensor) -> Tensor:
    """Return height×width×4 pixels with colours times alpha, as they count over the panorama."""
    colours, alpha = pixels[..., :3].float(), pixels[..., 3:].float()
    return torch.cat([colours * alpha / 255, alpha], -1)


def tiny_scene(*names: str, frames: int = 3) -> Scene:
    """Return a random scene with the named decoders, by default only nerv360."""
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
    attribution = Attribution("Pier", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(attribution, 96, 48, 29.97, frames, decoders)


def chaptered_scene(*names: str, lengths: Sequence[int] = (3, 2, 4)) -> tuple[CodedScene, ...]:
    """Return a scene of several chapters over still panoramas, and its chapters as scenes."""
    scenes = []
    for number, frames in enumerate(lengths):
        scene = over_still_scene(*names, frames=frames)
        assert scene.still is not None
        shifted = scene.still.pixels.roll(9 * number, 1)
        still = StillPanorama.of(shifted, [shifted.roll(k, 1) for k in range(frames)])
        for decoder in scene.decoders.values():
            decoder.still = still
            decoder.embeddings.add_(number)
        scenes.append(coded_scene(scene))
    return joined(scenes, None), *scenes


def lively_decoder(config: ModelConfig, frames: int = 3) -> Decoder:
    """Return a random decoder whose affines are far from the identity, as trained ones are."""
    torch.manual_seed(0)
    weights = build_decoder(config).state_dict()
    for name, weight in weights.items():
        if "gamma.2" in name or "beta.2" in name:
            weight.normal_(std=0.2)
    coarsest, *finer = (torch.randn(frames, *shape) for shape in config.embedding_shapes)
    summary = TrainingSummary(0, 0, None, None, 0.0)
    return Decoder(config, weights, coarsest, summary, tuple(finer))
