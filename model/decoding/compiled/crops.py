"""Features on the sphere for stages before the projection, in crops of a few sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.decoding.compiled.aligned import AlignedStages
from nerv360.decoding.compiled.gpu import Gpu
from nerv360.decoding.compiled.seen import levels_before
from nerv360.geometry import Look, pad_erp
from nerv360.networks import (
    Architecture,
    FrameCrop,
    KeptCrop,
    features_reach,
    largest_crop,
    look_crop,
)

_USUAL_JITTER = 0.05
"""Share by which the display asks for wider pictures while the view is at rest."""


def crop_sizes(config: ModelConfig) -> list[tuple[int, int]]:
    """Return heights and widths of crops, ascending; the last size holds the crop of any look.

    The first is for looks near the horizon, the second for looks that see no pole.
    """
    margin = features_reach(config)
    usual = config.replace(hfov_jitter=min(config.hfov_jitter, _USUAL_JITTER))
    sizes = [
        largest_crop(usual, margin, 10),
        largest_crop(config, margin, 40),
        largest_crop(config, margin),
    ]
    return sorted(set(sizes), key=lambda size: (size[1], size[0]))


class ExpandCrop(nn.Module):
    """`Architecture.expand` for a crop of one size, whose place is an input."""

    def __init__(self, network: Architecture, size: tuple[int, int], dtype: torch.dtype) -> None:
        """Create it for crops of ``size``, height and width in pixels of the embedding."""
        super().__init__()
        layout, config = network.layout(), network.config
        self.network, self.size, self.columns = network, size, config.embedding_size[1]
        self.levels = levels_before(config)
        stages = [layout.stem, *layout.stages[: config.project_after]]
        self.stages = AlignedStages(stages, dtype, first=True)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the result."""
        scale = math.prod(self.network.config.strides[: self.network.config.project_after])
        height, width = (scale * side + 2 for side in self.size)
        return height * width, self.stages.channels

    def forward(self, crop: Tensor, time: Tensor, embedding: Tensor, *others: Tensor) -> Tensor:
        """Return pixels×c of the features, widened by one pixel a side, row by row.

        Args:
            crop: int64 left, top, width and height in pixels of the coarsest embedding.
            time, embedding, others: `Frames.inputs`.
        """
        embedding, *finer = (self._cut(each, crop) for each in (embedding, *others[: self.levels]))
        x = self.stages(embedding, self.network.time_condition(time), finer)
        return pad_erp(x, 1).permute(0, 2, 3, 1).reshape(self.shape)

    def _cut(self, features: Tensor, crop: Tensor) -> Tensor:
        columns = features.shape[-1]
        scale = columns // self.columns
        height, width = (scale * side for side in self.size)
        rows = scale * crop[1] + torch.arange(height, device=crop.device)
        across = (scale * crop[0] + torch.arange(width, device=crop.device)) % columns
        part = features.index_select(-2, rows).index_select(-1, across)
        return part.contiguous(memory_format=torch.channels_last)


class _Graph(NamedTuple):
    """A program for crops of one size, and the replay of its capture."""

    size: tuple[int, int]
    replay: Callable[[], None]
    kept: object


class CropGraphs:
    """Graphs that compute the features of crops, into memory that all of them share.

    Attributes:
        features: pixels×c of the latest crop.
        crop: its place, int64 left, top, width and height, on the GPU.
    """

    def __init__(
        self,
        gpu: Gpu,
        programs: tuple[ExpandCrop, ...],
        config: ModelConfig,
        inputs: tuple[Tensor, ...],
        dtype: torch.dtype,
    ) -> None:
        """Compile and capture ``programs``, the largest last.

        Args:
            config: of the network, with the viewport's size.
            inputs: `Frames.inputs`.
        """
        self._config, self._margin, self._kept = config, features_reach(config), KeptCrop()
        self.features = torch.zeros(programs[-1].shape, dtype=dtype, device=gpu.device)
        self.crop = torch.zeros(4, dtype=torch.int64, device=gpu.device)
        self._cells = self.crop.unbind()
        self._graphs = [self._captured(gpu, program, inputs) for program in programs]

    def select(self, frame: int, look: Look) -> None:
        """Enqueue the features of a crop that a look sees, unless they are there.

        Args:
            frame: whose inputs are selected.
        """
        crop = look_crop(self._config, look, self._margin)
        self._kept.covering(frame, crop, partial(self._compute, crop))

    def forget(self) -> None:
        """Compute features anew at the next look, because weights have changed."""
        self._kept = KeptCrop()

    def _compute(self, wanted: FrameCrop, _: FrameCrop | None) -> FrameCrop:
        graph = next(
            graph
            for graph in self._graphs
            if wanted.height <= graph.size[0] and wanted.width <= graph.size[1]
        )
        crop = wanted.grown(*graph.size)
        place = (crop.left, crop.top, crop.width, crop.height)
        for cell, value in zip(self._cells, place, strict=True):
            cell.fill_(value)
        graph.replay()
        return crop

    def _captured(self, gpu: Gpu, program: ExpandCrop, inputs: tuple[Tensor, ...]) -> _Graph:
        compiled: Callable[..., Tensor] = gpu.compile(program)
        part = self.features[: program.shape[0]]
        _, replay = gpu.capture(lambda: part.copy_(compiled(self.crop, *inputs)))
        return _Graph(program.size, replay, (program, compiled, part))
