"""Table of the architectures, and the weight and cost of the networks that they build.

To add one: a module beside this one with a subclass of `model.networks.architecture.Architecture`,
a line in `ARCHITECTURES`, and its tests. Everything else asks this table.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.config import ModelConfig
from model.errors import InputError
from model.networks.architecture import Architecture
from model.networks.hnerv import HNeRV, HNeRVBoost
from model.networks.nerv360 import NeRV360

ARCHITECTURES: dict[str, type[Architecture]] = {
    "nerv360": NeRV360,
    "hnerv": HNeRV,
    "hnerv-boost": HNeRVBoost,
}


def architecture_of(config: ModelConfig) -> type[Architecture]:
    """The class of a configuration's architecture.

    Raises:
        InputError: it is unknown.
    """
    if config.architecture not in ARCHITECTURES:
        raise InputError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}, not {config.architecture!r}"
        )
    return ARCHITECTURES[config.architecture]


def checked(config: ModelConfig) -> ModelConfig:
    """``config`` as it is, where its architecture can be built from it.

    Raises:
        InputError: it cannot, or is unknown.
    """
    architecture_of(config).check(config)
    return config


def presets() -> dict[str, ModelConfig]:
    """All presets by name: ``paper``, ``demo`` and so on of NeRV360, ``paper-hnerv`` of others."""
    return {
        family if name == NeRV360.name else f"{family}-{name}": config
        for name, architecture in ARCHITECTURES.items()
        for family, config in architecture.presets.items()
    }


def preset(name: str) -> ModelConfig:
    """The configuration called ``name``.

    Raises:
        InputError: there is no such preset.
    """
    known = presets()
    if name not in known:
        raise InputError(f"the preset must be one of {', '.join(known)}, not {name!r}")
    return known[name]


def build_decoder(config: ModelConfig, device: torch.device | str | None = None) -> Architecture:
    """An untrained decoder in channels-last; its state dict is what a scene file stores.

    Raises:
        InputError: its architecture cannot be built from ``config``, or is unknown.
    """
    architecture = architecture_of(checked(config))
    with torch.device(device or "cpu"):
        decoder = architecture(config)
    to_channels_last(decoder)
    return decoder


def to_channels_last(network: nn.Module) -> None:
    """Bring every convolution's weights into channels-last, in place."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def count_parameters(config: ModelConfig) -> int:
    """Parameters of the decoder, encoder and embeddings not counted."""
    return sum(p.numel() for p in build_decoder(config, "meta").parameters())


def count_flops(config: ModelConfig, *, look_alone: bool = False) -> int:
    """Floating-point operations (multiply-adds counted twice) of one picture from its embedding.

    Args:
        look_alone: without `Architecture.expand`, which serves all looks at a frame.
    """
    # It loads Triton where that is installed: 80 MiB of every program that opens a scene.
    from torch.utils.flop_counter import FlopCounterMode

    decoder = build_decoder(config, "meta")
    embedding, time, look = _inputs_on_meta(config)
    with torch.no_grad():
        features = decoder.expand(embedding, time)
        with FlopCounterMode(display=False) as counter:
            if not look_alone:
                features = decoder.expand(embedding, time)
            decoder.decode(features, time, look)
    return int(counter.get_total_flops())


def count_traffic(config: ModelConfig, element_bytes: int) -> int:
    """Bytes that one picture moves through memory from its embedding if every convolution reads
    its input and writes its output once, and all work between them is fused into them.
    """
    decoder = build_decoder(config, "meta")
    moved = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal moved
        moved += element_bytes * (inputs[0].numel() + output.numel())

    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        decoder(*_inputs_on_meta(config))
    return moved


def _inputs_on_meta(config: ModelConfig) -> tuple[Tensor, Tensor, Tensor]:
    embedding = torch.empty(1, config.embedding_channels, *config.embedding_size, device="meta")
    time = torch.zeros(1, dtype=torch.float64, device="meta")
    return embedding, time, torch.zeros(1, 4, dtype=torch.float64, device="meta")


def fit_channels(config: ModelConfig, parameters: int) -> ModelConfig:
    """``config`` with the width whose decoder comes nearest to ``parameters``."""

    def distance(channels: int) -> int:
        return abs(count_parameters(config.replace(channels=channels)) - parameters)

    low, high = 1, 4096
    while high - low > 2:
        middle = (low + high) // 2
        if count_parameters(config.replace(channels=middle)) < parameters:
            low = middle
        else:
            high = middle
    return config.replace(channels=min(range(low, high + 1), key=distance))


def frame_times(frames: int) -> Tensor:
    """Normalised time of every frame, float64: index over count."""
    if frames < 1:
        raise ValueError(f"a clip has at least one frame, not {frames}")
    return torch.arange(frames, dtype=torch.float64) / frames
