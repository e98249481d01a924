"""What a training is judged by: PSNR and MS-SSIM on looks it was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from model.evaluation.metrics import decibels
from model.nerv360 import NeRV360
from model.training.frames import FrameStore
from model.training.looks import held_out_looks
from model.training.loss import ms_ssim_module
from model.training.network import Autoencoder, cut_viewports


def psnr(decoded: Tensor, original: Tensor) -> float:
    """PSNR in dB of two pictures in [0, 1], the decoded one rounded to 8 bits as it is shown."""
    shown = (decoded.float().clamp(0, 1) * 255).round() / 255
    error = (shown - original.float()).double().square().mean().item()
    return decibels(max(error, 1e-10))


@torch.no_grad()
def held_out_quality(
    network: Autoencoder,
    frames: FrameStore,
    times: Tensor,
    count: int,
    *,
    embeddings: Tensor | None = None,
    structure: bool = False,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> tuple[float, float | None]:
    """Mean PSNR in dB, and with ``structure`` mean MS-SSIM, over the held-out looks.

    Args:
        embeddings: frames×d×h×w to decode from instead of the encoder's, as a scene file does.
        precision: autocast, for the encoder and the decoder alone: what they are held against is
            cut and compared in float32.
    """
    config, device = network.config, next(network.parameters()).device
    height, width = config.viewport_height, config.viewport_width
    indices, looks = held_out_looks(config, len(frames), count)
    looks = looks.to(times.device)
    ms_ssim = ms_ssim_module(height, width).to(device) if structure else None
    ratios, similarities = [], []
    for position, index in enumerate(indices):
        frame = frames.frame(index, device)
        look, time = looks[position : position + 1], times[index : index + 1]
        decoder = network.decoder
        with precision():
            code = network.encoder(frame) if embeddings is None else embeddings[index : index + 1]
            cut = isinstance(decoder, NeRV360)
            decoded = decoder(code, time, look) if cut else decoder(code, time)
        decoded = decoded.float()
        view = decoded if cut else cut_viewports(decoded, look, height, width)
        original = cut_viewports(frame, look, height, width)
        ratios.append(psnr(view, original))
        if ms_ssim is not None:
            similarities.append(float(ms_ssim(view, original)))
    mean = sum(ratios) / len(ratios)
    return mean, sum(similarities) / len(similarities) if similarities else None
