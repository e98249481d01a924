"""Crops of the frame that a step's looks depend on, so that only those are encoded.

A viewport sees a tenth to a half of the sphere, and the encoder took a third of a step. Pixels
outside a crop and its margin do not affect the decoded ones.
"""

from __future__ import annotations

from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.networks import FrameCrop, architecture_of, encoder_reach, features_reach, seen_crop
from nerv360.training.crops import Crop


def encoded_crop(config: ModelConfig, looks: Tensor) -> FrameCrop | None:
    """Return the crop that viewports at ``looks``, float64 N×4, depend on, or None for all.

    It is the whole frame for full-frame decoders, for networks that do not continue across the
    seam, and as `seen_crop` says.
    """
    if architecture_of(config).full_frame or config.erp_padding != "wrap":
        return None
    return seen_crop(config, looks, features_reach(config) + encoder_reach(config))


def widened_crop(config: ModelConfig, crop: Crop) -> FrameCrop:
    """Return the crop around a full-frame decoder's; the whole frame if features wrap."""
    rows, columns = config.embedding_size
    if crop.wrap:
        return FrameCrop(0, 0, rows, columns, rows, columns)
    margin = crop.margin + encoder_reach(config)
    top, left = max(crop.top - margin, 0), max(crop.left - margin, 0)
    height = min(crop.top + crop.height + margin, rows) - top
    width = min(crop.left + crop.width + margin, columns) - left
    return FrameCrop(top, left, height, width, rows, columns)
