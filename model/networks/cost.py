"""Size and cost of a decoder, computed from its configuration on torch's meta device."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.networks.architecture import Architecture
from nerv360.networks.frame_crop import FrameCrop
from nerv360.networks.registry import build_decoder


def count_parameters(config: ModelConfig) -> int:
    """Count the parameters of the decoder, without encoder and embeddings."""
    return sum(p.numel() for p in build_decoder(config, "meta").parameters())


def count_flops(config: ModelConfig, *, look_alone: bool = False) -> int:
    """Count the floating-point operations of one picture; a multiply-add is two.

    With ``project_after`` it is a picture at the horizon, ahead.

    Args:
        look_alone: leave out `Architecture.expand`, which serves all looks at a frame.
    """
    # The import loads Triton if installed: 80 MiB that programs without this count should not pay.
    from torch.utils.flop_counter import FlopCounterMode

    decoder = build_decoder(config, "meta")
    embedding, time, look, finer = _inputs_on_meta(config)
    with torch.no_grad():
        crop, embedding, finer = _seen(decoder, look, embedding, finer)
        features = decoder.expand(embedding, time, finer, crop)
        with FlopCounterMode(display=False) as counter:
            if not look_alone:
                features = decoder.expand(embedding, time, finer, crop)
            decoder.decode(features, time, look, finer, crop)
    return int(counter.get_total_flops())


def count_traffic(config: ModelConfig, element_bytes: int) -> int:
    """Count the bytes that decoding one picture moves through memory.

    This assumes that every convolution reads its input and writes its output once, with all work
    between convolutions fused into them.
    """
    decoder = build_decoder(config, "meta")
    moved = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal moved
        moved += element_bytes * (inputs[0].numel() + output.numel())

    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    embedding, time, look, finer = _inputs_on_meta(config)
    with torch.no_grad():
        crop, embedding, finer = _seen(decoder, look, embedding, finer)
        decoder.decode(decoder.expand(embedding, time, finer, crop), time, look, finer, crop)
    return moved


def _seen(
    decoder: Architecture, look: Tensor, embedding: Tensor, finer: list[Tensor]
) -> tuple[FrameCrop | None, Tensor, list[Tensor]]:
    """Return the crop that is decoded for a look, and the embeddings in it."""
    whole = decoder.shows_frames or not decoder.full_frame
    crop = decoder.crop_of(look) if whole else decoder.picture_crop(look)
    if crop is None:
        return None, embedding, finer
    return crop, crop.cut(embedding), [crop.cut(level) for level in finer]


def _inputs_on_meta(config: ModelConfig) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    with torch.device("meta"):
        embedding, *finer = (torch.empty(1, *shape) for shape in config.embedding_shapes)
        time = torch.zeros(1, dtype=torch.float64)
    hfov = math.radians(config.hfov_deg)
    look = torch.tensor([[0.0, 0.0, 0.0, hfov]], dtype=torch.float64, device="cpu")
    return embedding, time, look, finer
