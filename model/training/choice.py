"""Chooses features that suit a clip: a still panorama, finer embeddings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from nerv360.config import ModelConfig
from nerv360.networks import architecture_of, checked
from nerv360.training.dataset import ClipFrames, still_share
from nerv360.training.settings import TrainingSettings

STANDS_STILL = 0.5
"""Share of still sphere above which a still panorama pays off.

A hand-held camera left 43 %, three still cameras 92 to 98 % (docs/quality.md).
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
    share = still_share(frames)
    stands = share >= STANDS_STILL
    full_frame = architecture_of(config).full_frame
    plain_video = full_frame and config.frame_width != 2 * config.frame_height
    network: dict[str, Any] = {
        "still_panorama": stands and not plain_video,
        "level_channels": FINER_CHANNELS,
    }
    training: dict[str, Any] = {"looks_at_motion": LOOKS_AT_MOTION if stands else 0.0}
    if len(config.strides) < 2:
        del network["level_channels"]
    for name in fixed:
        network.pop(name, None)
        training.pop(name, None)
    chosen = checked(config.replace(**network))
    return chosen, replace(settings, **training), _sentence(share, chosen)


def _sentence(share: float, config: ModelConfig) -> str:
    shown = "over a still panorama" if config.still_panorama else "without a still panorama"
    channels = sum(config.level_channels)
    finer = f"a finer embedding of {channels} channel{'s' * (channels != 1)}"
    return (
        f"{share:.0%} of the sphere stands still: trained {shown}, with "
        f"{finer if channels else 'one embedding'}"
    )
