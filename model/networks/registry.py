"""From a configuration to its decoder, and what that decoder weighs and costs."""

from __future__ import annotations

import torch
from torch import nn

from model.config import ModelConfig
from model.networks.hnerv import HNeRV, HNeRVBoost
from model.networks.nerv360 import NeRV360

Decoder = NeRV360 | HNeRV | HNeRVBoost


def build_decoder(config: ModelConfig, device: torch.device | str | None = None) -> Decoder:
    """An untrained decoder in channels-last; its state dict is what a scene file stores."""
    kinds: dict[str, type[Decoder]] = {
        "nerv360": NeRV360,
        "hnerv": HNeRV,
        "hnerv-boost": HNeRVBoost,
    }
    with torch.device(device or "cpu"):
        decoder = kinds[config.architecture](config)
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
        look_alone: without what a viewport decoder computes once a frame, for all its looks.
    """
    # It loads Triton where that is installed: 80 MiB of every program that opens a scene.
    from torch.utils.flop_counter import FlopCounterMode

    decoder = build_decoder(config, "meta")
    with FlopCounterMode(display=False) as counter:
        _decode_on_meta(decoder, config)
    total = int(counter.get_total_flops())
    if look_alone and config.expand_before_projection and not config.full_frame:
        counts = counter.get_flop_counts()
        total -= sum(sum(v.values()) for k, v in counts.items() if k.endswith(".expansion"))
    return total


def count_traffic(config: ModelConfig, element_bytes: int) -> int:
    """Bytes that one picture moves through memory from its embedding if every convolution reads
    its input and writes its output once, and all work between them is fused into them.
    """
    decoder = build_decoder(config, "meta")
    moved = 0

    def count(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal moved
        moved += element_bytes * (inputs[0].numel() + output.numel())

    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    _decode_on_meta(decoder, config)
    return moved


def _decode_on_meta(decoder: Decoder, config: ModelConfig) -> None:
    embedding = torch.empty(1, config.embedding_channels, *config.embedding_size, device="meta")
    time = torch.zeros(1, dtype=torch.float64, device="meta")
    with torch.no_grad():
        if isinstance(decoder, NeRV360):
            decoder(embedding, time, torch.zeros(1, 4, dtype=torch.float64, device="meta"))
        else:
            decoder(embedding, time)


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


def frame_times(frames: int) -> torch.Tensor:
    """Normalised time of every frame, float64: index over count."""
    if frames < 1:
        raise ValueError(f"a clip has at least one frame, not {frames}")
    return torch.arange(frames, dtype=torch.float64) / frames
