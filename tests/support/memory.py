"""The memory that torch counts while a decoder decodes."""

from __future__ import annotations

import math

import torch

from nerv360.config import ModelConfig
from nerv360.decoding import to_rgba
from nerv360.geometry import pad_erp
from nerv360.networks import build_decoder, compared_panorama, motion_size
from nerv360.training.memory_estimate import LiveBytes, _autocast


def counted_decoding(config: ModelConfig, dtype: torch.dtype = torch.float32) -> int:
    """Peak bytes of all tensors while one picture is decoded, without weights.

    They are on the meta device, where tensors have shapes but no memory.
    """
    network = build_decoder(config, "meta")
    if dtype is not torch.float32:
        _autocast(network, dtype)
    height, width = config.frame_height, config.frame_width
    coverage = network.coverage
    with torch.device("meta"):
        still = torch.empty(1, 3, height, width)
        compared = still[..., :0]
        if coverage is not None:
            whole, pixels = network.full_frame, torch.empty(height, width, 3, dtype=torch.uint8)
            compared = coverage.compared_frame(still) if whole else compared_panorama(pixels)
    with torch.device("meta"), torch.no_grad(), LiveBytes() as counter:
        embedding, *finer = (torch.empty(1, *shape) for shape in config.embedding_shapes)
        panorama = torch.empty_like(compared)
        motion = torch.empty(1, 1, *motion_size(height, width))
        time, look = torch.empty(1, dtype=torch.float64), torch.empty(1, 4, dtype=torch.float64)
        if config.project_after:  # the crop depends on the look's values
            values = [0.0, math.radians(60), 0.0, math.radians(config.hfov_deg)]
            look = torch.tensor([values], dtype=torch.float64, device="cpu")
        picture, alpha = network(embedding, time, look, finer=finer), None
        size = (picture.shape[-2], picture.shape[-1])
        if coverage is not None and network.full_frame:
            motion = coverage.frame_motion(motion, (panorama.shape[-2], panorama.shape[-1]))
            alpha = coverage(picture, panorama, motion)
        elif coverage is not None:
            panorama = coverage.compared_viewports(panorama, look, size)
            motion = coverage.compared_viewports(pad_erp(motion, 1), look, size)
            alpha = coverage(picture, panorama, motion)
        to_rgba(picture, alpha)
    return counter.peak
