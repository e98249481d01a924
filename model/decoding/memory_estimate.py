"""Memory that a picture takes to decode, from the configuration alone.

Running the network on torch's meta device would tell it too, and does in `model.evaluation`, but
loads torch's compiler and with it Triton: seconds, 80 MiB, and a second LLVM beside the one that
OpenGL in software has, of which processes die.
"""

from __future__ import annotations

from model.config import ModelConfig
from model.networks.registry import architecture_of

Shape = tuple[int, int, int]
"""Channels, height and width."""


def decoding_bytes(config: ModelConfig, element_bytes: int = 4) -> int:
    """Peak of the tensors that live at once while a plain engine decodes one picture, in elements
    of ``element_bytes``; weights and embeddings come on top, and so do convolutions' workspaces.
    """
    wrap = config.erp_padding == "wrap"
    sphere = (config.embedding_channels, *config.embedding_size)
    full_frame = architecture_of(config).full_frame
    size = config.embedding_size if full_frame else config.viewport_embedding_size
    width = config.widths[0]
    peaks = []
    kept = _elements(sphere)
    if full_frame:
        if config.architecture == "hnerv-boost":
            peaks.append(kept + _expansion(sphere, width, wrap))
    elif config.expand_before_projection:
        features = (width, *config.embedding_size)
        peaks.append(kept + _expansion(sphere, width, wrap))
        peaks.append(kept + _elements(features) + 2 * _widened(features, 1))
        kept += _widened(features, 1)
    else:
        kept += _widened(sphere, 1)
        peaks.append(kept + _expansion((sphere[0], *size), width, wrap=False))
    wrap = wrap and full_frame
    x = (width, *size)
    for index, stride in enumerate(config.strides):
        after = (config.widths[index + 1], x[1] * stride, x[2] * stride)
        held = kept + _elements(x)
        kernel = config.kernels[index]
        peaks.append(held + _upsampling(x, after, kernel if wrap else 1, stride))
        if config.architecture != "hnerv" and config.blocks[index]:
            peaks.append(held + _residual(after, wrap))
        x = after
    colours, padded = 3 * x[1] * x[2], _padding(x, 3 if wrap else 1)
    peaks.append(kept + _elements(x) + max(2 * padded, padded + colours, 2 * colours))
    return max(peaks) * element_bytes


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _widened(shape: Shape, amount: int) -> int:
    return shape[0] * (shape[1] + 2 * amount) * (shape[2] + 2 * amount)


def _padding(x: Shape, kernel: int) -> int:
    return _widened(x, kernel // 2) if kernel > 1 else 0


def _expansion(x: Shape, width: int, wrap: bool) -> int:
    after = (width, *x[1:])
    return max(_upsampling(x, after, 1, 1), _residual(after, wrap))


def _upsampling(x: Shape, after: Shape, kernel: int, stride: int) -> int:
    """Beside its input: that padded, and the convolution's result before and after the sine."""
    padded, result = _padding(x, kernel), _elements(after)
    return max(2 * padded, padded + result, 2 * result)


def _residual(x: Shape, wrap: bool) -> int:
    """With its input: what the second convolution reads, unpadded and padded, and its result."""
    whole, padded = _elements(x), _padding(x, 3 if wrap else 1)
    return max(4 * whole + padded, 3 * whole + 2 * padded)
