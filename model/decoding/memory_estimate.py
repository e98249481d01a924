"""Estimates the memory to decode a picture, from only the configuration.

Running the network on torch's meta device, as `nerv360.lab.benchmarks` does, would tell the same.
But it loads torch's compiler and Triton: seconds, 80 MiB, and a second LLVM beside the one of
software OpenGL, which can crash the process.
"""

from __future__ import annotations

import math

import torch

from nerv360.config import ModelConfig
from nerv360.networks import (
    COMPARED_BESIDE,
    COMPARED_PANORAMA,
    ConditionedBlock,
    FrameCrop,
    Layout,
    SphereConv,
    Stage,
    build_decoder,
    features_reach,
    seen_crop,
)

MOST_FEATURES = 512 * 2**20
"""Bytes of the largest features of a whole sphere that are kept for tiles."""
_GRID = 17
"""Elements per point of a viewport while its float64 position on the sphere is computed."""
_WIDEST_PITCH = math.radians(60)
"""At this pitch a viewport of the presets depends on the largest part of the sphere."""
_CELL = 12
"""Elements per cell of a whole frame during the comparison, besides the still's colours."""

Shape = tuple[int, int, int]
"""Channels, height and width."""


def decoding_bytes(config: ModelConfig, element_bytes: int = 4) -> int:
    """Estimate the peak bytes of all tensors while a plain engine decodes one picture.

    This includes the frame's embeddings and the still panorama's copy for comparisons, in float32,
    but not weights and workspaces of convolutions. Other frames' embeddings are in main memory.

    Args:
        element_bytes: bytes per element of the tensors.
    """
    network = build_decoder(config, "meta")
    layout, stages = network.layout(), network.layout().stages
    x = sphere = (config.embedding_channels, *config.embedding_size)
    kept, peaks = sum(map(_elements, config.embedding_shapes)), []
    first = 0 if network.full_frame else config.project_after
    if network.full_frame:
        if not network.shows_frames:
            crop, kept = _widest_crop(config, layout.reach + COMPARED_BESIDE, kept)
            sphere = (config.embedding_channels, crop.height, crop.width)
        peaks.append(kept + _beside(layout.stem, sphere))
        x = _after(layout.stem, sphere)
    elif config.project_after:
        features = _on_sphere(config, layout, kept, peaks)
        kept += _widened(features, 1)
        scale = math.prod(config.strides[: config.project_after])
        rows, columns = config.viewport_embedding_size
        x = (features[0], scale * rows, scale * columns)
    elif config.expand_before_projection:
        features = _after(layout.stem, sphere)
        peaks.append(kept + _beside(layout.stem, sphere))
        peaks.append(kept + _elements(features) + 2 * _widened(features, 1))
        kept += _widened(features, 1)
        x = (features[0], *config.viewport_embedding_size)
    else:
        seen = (sphere[0], *config.viewport_embedding_size)
        kept += _widened(sphere, 1)
        peaks.append(kept + _beside(layout.stem, seen))
        x = _after(layout.stem, seen)
    before = sum(stage.finer is not None for stage in stages[:first])
    finer = iter(config.embedding_shapes[1 + before :])
    for stage in stages[first:]:
        peaks.append(kept + _elements(x) + _beside(stage, x))
        x = _after(stage, x)
        if stage.finer is not None:
            embedding = next(finer)
            peaks.append(kept + _adding(x, None if network.full_frame else embedding))
    colours, padded = 3 * x[1] * x[2], _padding(x, layout.head.conv)
    head = max(2 * padded, padded + colours, 2 * colours)
    peaks.append(kept + _elements(x) + head)
    if network.full_frame and not network.shows_frames:
        viewport = config.viewport_height * config.viewport_width
        peaks.append(kept + 2 * _widened((4, x[1], x[2]), 1) + (_GRID + 4) * viewport // 2)
    if network.coverage is None:
        return max(peaks) * element_bytes
    cells = (3, x[1] // config.comparison_cell, x[2] // config.comparison_cell)
    comparing = (3 + (_CELL if network.full_frame else _GRID)) * cells[1] * cells[2]
    peaks.append(kept + colours + max(comparing, x[1] * x[2] + colours))
    half = (3, config.frame_height // COMPARED_PANORAMA, config.frame_width // COMPARED_PANORAMA)
    compared = _elements(cells) if network.full_frame else _widened(half, 1)
    return max(peaks) * element_bytes + 4 * compared


def tile_bytes(config: ModelConfig) -> int:
    """Estimate the bytes of the maps that the folded engine writes the sphere's tiles to.

    In float32, with all stages that come before the projection; 0 if it decodes without them.
    """
    if not config.still_panorama or not config.project_after:
        return 0
    network = build_decoder(config, "meta")
    if network.full_frame:
        return 0
    layout, maps = network.layout(), 0
    x = (config.embedding_channels, *config.embedding_size)
    for stage in (layout.stem, *layout.stages[: config.project_after]):
        maps += _widened(x, stage.conv.kernel_size[0] // 2)
        x = _after(stage, x)
        maps += 2 * len(stage.residuals) * _widened(x, 1)
    return 4 * (maps + _widened(x, 1)) if 4 * _elements(x) <= MOST_FEATURES else 0


def _on_sphere(config: ModelConfig, layout: Layout, kept: int, peaks: list[int]) -> Shape:
    """Return the shape of the features before the projection, in the widest crop of a look.

    Adds the peak of each stage there to ``peaks``.
    """
    crop, kept = _widest_crop(config, features_reach(config), kept)
    x = (config.embedding_channels, crop.height, crop.width)
    peaks.append(kept + _beside(layout.stem, x))
    x, scale = _after(layout.stem, x), 1
    for stage, margin in zip(
        layout.stages[: config.project_after], layout.margins(config.project_after), strict=True
    ):
        before, inner = x, crop.inner(margin)
        x = (x[0], scale * inner.height, scale * inner.width)
        peaks.append(kept + _elements(before) + _beside(stage, x))
        x, scale = _after(stage, x), scale * stage.stride
        peaks.append(kept + _adding(x, None))
    whole = (x[0], scale * crop.height, scale * crop.width)
    peaks.append(kept + _elements(x) + _elements(whole))
    peaks.append(kept + _elements(whole) + 2 * _widened(whole, 1))
    return whole


def _widest_crop(config: ModelConfig, margin: int, kept: int) -> tuple[FrameCrop, int]:
    """Return the widest crop of a look, and ``kept`` with its embeddings."""
    widest = torch.tensor([[0.0, _WIDEST_PITCH, 0.0, math.radians(config.hfov_deg)]])
    crop = seen_crop(config, widest, margin)
    if crop is None:
        rows, columns = config.embedding_size
        return FrameCrop(0, 0, rows, columns, rows, columns), kept
    share = crop.height * crop.width / (crop.rows * crop.columns)
    return crop, kept + round(share * sum(map(_elements, config.embedding_shapes)))


def _after(stage: Stage, x: Shape) -> Shape:
    channels = stage.conv.out_channels // stage.stride**2
    return channels, x[1] * stage.stride, x[2] * stage.stride


def _beside(stage: Stage, x: Shape) -> int:
    """Return the elements that a stage holds in addition to its input ``x``."""
    after = _after(stage, x)
    padded, result = _padding(x, stage.conv), _elements(after)
    # The padded input, and the convolution's result before and after the activation.
    peak = max(2 * padded, padded + result, 2 * result)
    for block in stage.residuals:
        peak = max(peak, _residual(after, block))
    return peak


def _adding(x: Shape, embedding: Shape | None) -> int:
    """Return the elements while a finer embedding is added to ``x``, including ``x``.

    Args:
        embedding: shape of the embedding if it is sampled for a viewport, otherwise None.
    """
    if embedding is None:
        return 3 * _elements(x)
    sampling = _GRID * x[1] * x[2]
    projected = embedding[0] * x[1] * x[2]
    widened = _widened(embedding, 1)
    return _elements(x) + max(widened + max(widened, sampling, projected), 2 * _elements(x))


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _widened(shape: Shape, amount: int) -> int:
    return shape[0] * (shape[1] + 2 * amount) * (shape[2] + 2 * amount)


def _padding(x: Shape, conv: SphereConv) -> int:
    kernel = conv.kernel_size[0]
    return _widened(x, kernel // 2) if conv.wrap and kernel > 1 else 0


def _residual(x: Shape, block: ConditionedBlock) -> int:
    """Return the elements of a residual block.

    These are its input, the second convolution's input, unpadded and padded, and its result.
    """
    whole, padded = _elements(x), _padding(x, block.conv1)
    return max(4 * whole + padded, 3 * whole + 2 * padded)
