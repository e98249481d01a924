"""The networks: layers, encoder, one class per architecture, and their registry."""

from model.networks.architecture import Architecture, Layout, Stage
from model.networks.cost import count_flops, count_parameters, count_traffic
from model.networks.coverage import (
    BOUND,
    COMPARED_PANORAMA,
    MOST_MOTION,
    STEEPNESS,
    THRESHOLD,
    Coverage,
    compared_panorama,
    composite,
    motion_map,
    motion_size,
)
from model.networks.encoder import COLOUR_GAIN, OPPONENT, Encoder, encoder_reach, smallest_embedding
from model.networks.layers import Affine, ColourHead, ConditionedBlock, SphereConv, UpsamplingBlock
from model.networks.registry import (
    ARCHITECTURES,
    architecture_of,
    build_decoder,
    checked,
    frame_times,
    preset,
    presets,
    to_channels_last,
)

__all__ = [
    "ARCHITECTURES",
    "BOUND",
    "COLOUR_GAIN",
    "COMPARED_PANORAMA",
    "MOST_MOTION",
    "OPPONENT",
    "STEEPNESS",
    "THRESHOLD",
    "Affine",
    "Architecture",
    "ColourHead",
    "ConditionedBlock",
    "Coverage",
    "Encoder",
    "Layout",
    "SphereConv",
    "Stage",
    "UpsamplingBlock",
    "architecture_of",
    "build_decoder",
    "checked",
    "compared_panorama",
    "composite",
    "count_flops",
    "count_parameters",
    "count_traffic",
    "encoder_reach",
    "frame_times",
    "motion_map",
    "motion_size",
    "preset",
    "presets",
    "smallest_embedding",
    "to_channels_last",
]
