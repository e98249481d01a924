"""Memory that a picture takes to decode, from the configuration alone.

Running the network on torch's meta device would tell it too, and does in `model.benchmarks`, but
loads torch's compiler and with it Triton: seconds, 80 MiB, and a second LLVM beside the one that
OpenGL in software has, of which processes die.
"""

from __future__ import annotations

from model.config import ModelConfig
from model.networks import COMPARED_PANORAMA, ConditionedBlock, SphereConv, Stage, build_decoder

_GRID = 17
"""Elements of a point of a viewport while its place on the sphere is computed, in float64."""
_CELL = 12
"""Elements of a cell of a whole frame while it is compared, beside the still panorama's colours."""

Shape = tuple[int, int, int]
"""Channels, height and width."""


def decoding_bytes(config: ModelConfig, element_bytes: int = 4) -> int:
    """Peak of the tensors that live at once while a plain engine decodes one picture, in elements
    of ``element_bytes``, and what it keeps of a still panorama to compare pictures with, in
    float32; weights and embeddings come on top, and so do convolutions' workspaces.
    """
    network = build_decoder(config, "meta")
    layout, stages = network.layout(), network.layout().stages
    x = sphere = (config.embedding_channels, *config.embedding_size)
    kept, peaks = sum(map(_elements, config.embedding_shapes)), []
    if network.full_frame:
        peaks.append(kept + _beside(layout.stem, sphere))
        x = _after(layout.stem, sphere)
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
    levels, projected = iter(config.embedding_shapes[1:]), 0
    for stage in stages:
        peaks.append(kept + projected + _elements(x) + _beside(stage, x))
        x = _after(stage, x)
        if stage.finer is not None:
            level = next(levels)
            peaks.append(kept + projected + _adding(x, None if network.full_frame else level))
            projected = 0 if network.full_frame else level[0] * x[1] * x[2]
    colours, padded = 3 * x[1] * x[2], _padding(x, layout.head.conv)
    head = max(2 * padded, padded + colours, 2 * colours)
    peaks.append(kept + projected + _elements(x) + head)
    if network.coverage is None:
        return max(peaks) * element_bytes
    cells = (3, x[1] // config.comparison_cell, x[2] // config.comparison_cell)
    comparing = (3 + (_CELL if network.full_frame else _GRID)) * cells[1] * cells[2]
    peaks.append(kept + colours + max(comparing, x[1] * x[2] + colours))
    half = (3, config.frame_height // COMPARED_PANORAMA, config.frame_width // COMPARED_PANORAMA)
    compared = _elements(cells) if network.full_frame else _widened(half, 1)
    return max(peaks) * element_bytes + 4 * compared


def _after(stage: Stage, x: Shape) -> Shape:
    channels = stage.conv.out_channels // stage.stride**2
    return channels, x[1] * stage.stride, x[2] * stage.stride


def _beside(stage: Stage, x: Shape) -> int:
    """Elements that a stage holds beside its input ``x``."""
    after = _after(stage, x)
    padded, result = _padding(x, stage.conv), _elements(after)
    # That padded, and the convolution's result before and after the activation.
    peak = max(2 * padded, padded + result, 2 * result)
    for block in stage.residuals:
        peak = max(peak, _residual(after, block))
    return peak


def _adding(x: Shape, level: Shape | None) -> int:
    """Elements while a finer embedding is added to ``x``, which is one of them: a viewport's with
    what it takes to sample ``level``.
    """
    if level is None:
        return 3 * _elements(x)
    sampling = _GRID * x[1] * x[2]
    projected = level[0] * x[1] * x[2]
    widened = _widened(level, 1)
    return _elements(x) + max(widened + max(widened, sampling, projected), 2 * _elements(x))


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _widened(shape: Shape, amount: int) -> int:
    return shape[0] * (shape[1] + 2 * amount) * (shape[2] + 2 * amount)


def _padding(x: Shape, conv: SphereConv) -> int:
    kernel = conv.kernel_size[0]
    return _widened(x, kernel // 2) if conv.wrap and kernel > 1 else 0


def _residual(x: Shape, block: ConditionedBlock) -> int:
    """With its input: what the second convolution reads, unpadded and padded, and its result."""
    whole, padded = _elements(x), _padding(x, block.conv1)
    return max(4 * whole + padded, 3 * whole + 2 * padded)
