"""Registry of the architectures and their presets.

To add an architecture: a module beside this one with a subclass of
`nerv360.networks.architecture.Architecture`, a line in `ARCHITECTURES`, and its tests. Everything
else uses this table.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks.architecture import Architecture
from nerv360.networks.hnerv import HNeRV, HNeRVBoost
from nerv360.networks.nerv360 import NeRV360
from nerv360.text import quoted

ARCHITECTURES: dict[str, type[Architecture]] = {
    "nerv360": NeRV360,
    "hnerv": HNeRV,
    "hnerv-boost": HNeRVBoost,
}


def architecture_of(config: ModelConfig) -> type[Architecture]:
    """Return the class of a configuration's architecture.

    Raises:
        InputError: it is unknown.
    """
    if config.architecture not in ARCHITECTURES:
        raise InputError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}, "
            f"not {quoted(config.architecture)}"
        )
    return ARCHITECTURES[config.architecture]


def shows_frames(config: ModelConfig) -> bool:
    """Return True if engines decode whole frames of a configuration, not what looks see of them."""
    return architecture_of(config).full_frame and not config.project_after


def in_crops(config: ModelConfig) -> ModelConfig:
    """Return a full-frame decoder's configuration that decodes the crop that a look sees.

    Others stay as they are. Weights and pictures are the same.
    """
    if not architecture_of(config).full_frame:
        return config
    return config.replace(project_after=len(config.strides))


def checked(config: ModelConfig) -> ModelConfig:
    """Return ``config`` unchanged if its architecture can be built from it.

    Raises:
        InputError: it cannot, or the architecture is unknown.
    """
    architecture_of(config).check(config)
    return config


def presets() -> dict[str, ModelConfig]:
    """Return all presets by name: ``paper``, ``demo`` … of NeRV360, ``paper-hnerv`` … of others."""
    return {
        family if name == NeRV360.name else f"{family}-{name}": config
        for name, architecture in ARCHITECTURES.items()
        for family, config in architecture.presets.items()
    }


def preset(name: str) -> ModelConfig:
    """Return the configuration called ``name``.

    Raises:
        InputError: there is no such preset.
    """
    known = presets()
    if name not in known:
        raise InputError(f"the preset must be one of {', '.join(known)}, not {name!r}")
    return known[name]


def build_decoder(config: ModelConfig, device: torch.device | str | None = None) -> Architecture:
    """Build an untrained decoder in channels-last; its state dict is what a scene file stores.

    Raises:
        InputError: its architecture is unknown or cannot be built from ``config``.
    """
    architecture = architecture_of(checked(config))
    with torch.device(device or "cpu"):
        decoder = architecture(config)
    to_channels_last(decoder)
    return decoder


@functools.lru_cache(maxsize=8)
def features_reach(config: ModelConfig) -> int:
    """Return how many embedding pixels beyond a viewport its features on the sphere depend on.

    See `Layout.features_reach`.
    """
    return build_decoder(config, "meta").layout().features_reach(config.project_after)


def to_channels_last(network: nn.Module) -> None:
    """Convert the weights of every convolution to channels-last, in place."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def frame_times(frames: int) -> Tensor:
    """Return the normalised time of every frame, float64: index over count."""
    if frames < 1:
        raise ValueError(f"a clip has at least one frame, not {frames}")
    return torch.arange(frames, dtype=torch.float64) / frames
