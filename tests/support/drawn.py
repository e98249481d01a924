"""Small scenes for engines that draw: a software renderer compiles each shader for a while."""

from __future__ import annotations

from dataclasses import replace

from nerv360.config import ModelConfig
from nerv360.scene import Scene
from tests.support.scenes import CONFIGS, decoder_over_still, lively_decoder, tiny_scene

_SMALL = dict(
    frame_height=32,
    frame_width=64,
    encoder_strides=(2, 2),
    strides=(2, 2),
    kernels=(1, 3),
    blocks=(1, 0),
    viewport_height=24,
    viewport_width=40,
)


def small(name: str) -> ModelConfig:
    """Two stages of an architecture, one of them with a residual block where it has any."""
    changes = dict(_SMALL, blocks=(0, 0)) if name == "hnerv" else _SMALL
    return CONFIGS[name].replace(**changes)


def small_scene(*names: str, still: bool = True) -> Scene:
    """Random decoders of `small`, lively ones, over a still panorama if asked for."""
    make = decoder_over_still if still else lively_decoder
    decoders = {name: make(small(name)) for name in names}
    return replace(tiny_scene(), width=64, height=32, decoders=decoders)
