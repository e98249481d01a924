"""Chooses features for a clip: a still panorama, finer embeddings, where the network projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from nerv360.config import ModelConfig
from nerv360.networks import architecture_of, checked
from nerv360.training.dataset import ClipFrames, StillShares, still_shares
from nerv360.training.settings import TrainingSettings

STANDS_STILL = 0.5
"""Share that must stand still, of the sphere and around the horizon, for a still panorama to pay.

Of the sphere a hand-held camera left 43 %, three still cameras 92 to 98 % (docs/quality.md).
"""
FINER_CHANNELS = (2,)
LOOKS_AT_MOTION = 0.7


def suited_to_clip(
    config: ModelConfig,
    settings: TrainingSettings,
    frames: ClipFrames,
    fixed: Collection[str] = (),
) -> tuple[ModelConfig, TrainingSettings, str]:
    """Choose network and training for this clip, and say why in one sentence.

    Args:
        fixed: names of numbers to keep.
    """
    shares = still_shares(frames)
    stands = min(shares.sphere, shares.horizon) >= STANDS_STILL
    full_frame = architecture_of(config).full_frame
    plain_video = full_frame and config.frame_width != 2 * config.frame_height
    training: dict[str, Any] = {"looks_at_motion": LOOKS_AT_MOTION if stands else 0.0}
    for name in fixed:
        training.pop(name, None)
    chosen = checked(sharpened(config, fixed))
    if "still_panorama" not in fixed:
        chosen = checked(chosen.replace(still_panorama=stands and not plain_video))
    return chosen, replace(settings, **training), _sentence(shares, chosen)


def sharpened(config: ModelConfig, fixed: Collection[str] = ()) -> ModelConfig:
    """Return the configuration with what suits every clip: finer embeddings, late projection.

    NeRV360 projects after all stages if they can run on the sphere (docs/quality.md).

    Args:
        fixed: names of numbers to keep.
    """
    chosen: dict[str, Any] = {}
    if len(config.strides) > 1:
        chosen["level_channels"] = FINER_CHANNELS
    on_sphere = config.erp_padding == "wrap" and config.expand_before_projection
    if on_sphere and not architecture_of(config).full_frame:
        chosen["project_after"] = len(config.strides)
    return config.replace(**{name: v for name, v in chosen.items() if name not in fixed})


def _sentence(shares: StillShares, config: ModelConfig) -> str:
    shown = "over a still panorama" if config.still_panorama else "without a still panorama"
    channels = sum(config.level_channels)
    finer = f"a finer embedding of {channels} channel{'s' * (channels != 1)}"
    return (
        f"{shares.sphere:.0%} of the sphere stands still, {shares.horizon:.0%} around the horizon: "
        f"trained {shown}, with "
        f"{finer if channels else 'one embedding'}"
    )
