"""Networks of the comparison: plain, with finer embeddings, over a still panorama."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from nerv360.config import ModelConfig
from nerv360.lab.benchmarks import TITLES, scaled
from nerv360.training import ClipFrames, TrainingSettings, suited_to_clip, training_preset


@dataclass(frozen=True)
class NetworkVariant:
    """A network and its training.

    Attributes:
        name: its architecture, followed by its features, each after a dash.
    """

    name: str
    title: str
    config: ModelConfig
    settings: TrainingSettings


def scaled_presets(
    name: str, scale: Fraction
) -> tuple[dict[str, ModelConfig], dict[str, TrainingSettings]]:
    """Return networks and training settings of a preset by architecture, with scaled sides.

    Raises:
        InputError: there is no preset ``name``.
    """
    presets = {architecture: training_preset(name, architecture) for architecture in TITLES}
    configs = {each: scaled(config, scale) for each, (config, _) in presets.items()}
    return configs, {each: settings for each, (_, settings) in presets.items()}


def network_variants(
    configs: Mapping[str, ModelConfig],
    settings: Mapping[str, TrainingSettings],
    frames: ClipFrames,
) -> list[NetworkVariant]:
    """Return the networks to compare.

    NeRV360 comes plain as in the paper, then projected last, with finer embeddings too, and over
    the still panorama too; the others plain and with both. All have the finer embeddings that suit
    the clip, and all are trained equally long.
    """
    variants = []
    for name, title in TITLES.items():
        plain, training = configs[name], settings[name]
        suited, over_still, _ = suited_to_clip(plain, training, frames)
        last = plain.replace(project_after=suited.project_after)
        levels = last.replace(level_channels=suited.level_channels)
        both = levels.replace(still_panorama=True)
        variants.append(NetworkVariant(name, title, plain, training))
        if last != plain:
            variants.append(NetworkVariant(f"{name}-last", f"{title}, last", last, training))
        if name == "nerv360":
            variants.append(NetworkVariant(f"{name}-levels", f"{title}, levels", levels, training))
        variants.append(
            NetworkVariant(f"{name}-levels-still", f"{title}, levels, still", both, over_still)
        )
    return variants
