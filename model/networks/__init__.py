"""The networks: layers, encoder, one class per architecture, and their registry."""

from nerv360.networks.architecture import Architecture, Layout, Stage
from nerv360.networks.cost import count_flops, count_parameters, count_traffic
from nerv360.networks.coverage import (
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
from nerv360.networks.encoder import (
    COLOUR_GAIN,
    OPPONENT,
    Encoder,
    encoder_reach,
    smallest_embedding,
)
from nerv360.networks.layers import (
    Affine,
    ColourHead,
    ConditionedBlock,
    SphereConv,
    UpsamplingBlock,
)
from nerv360.networks.registry import (
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
