"""Embeddings of all frames of a clip, held in 16 bits and rounded a block of pixels at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.progress import track
from nerv360.scene import Coarseness, level_table, nearest_levels, packed_embeddings
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import ClipFrames

_LARGEST = 2**16 - 1
_BLOCK = 2**22
"""Values that are rounded at once: about 100 MB, however long the clip is."""

_BLOCK_COPIES = 8
"""In float32, of a block and of all that it takes to round it."""

Block = tuple[int, slice, Tensor]
"""A channel, a range of its pixels, and their values, frames×pixels float32."""


class TrainedEmbeddings:
    """Embeddings of all frames, 2 bytes a value.

    Each channel of a frame has 65,536 levels between its smallest and its largest value: 256 for
    each of the finest levels that a file stores.
    """

    def __init__(self, config: ModelConfig, frames: int) -> None:
        """Make room for ``frames``."""
        self._shapes = config.embedding_shapes
        self._numbers = [np.zeros((frames, *shape), np.uint16) for shape in self._shapes]
        self._low = [torch.zeros(frames, shape[0]) for shape in self._shapes]
        self._step = [torch.zeros(frames, shape[0]) for shape in self._shapes]

    @classmethod
    @torch.no_grad()
    def of(
        cls, network: Autoencoder, frames: ClipFrames, device: torch.device
    ) -> TrainedEmbeddings:
        """Encode all frames.

        Raises:
            InputError: an embedding is not finite.
        """
        result = cls(network.config, frames.pictures)
        for picture in track(range(frames.pictures), "encoding the pictures"):
            frame = frames.frame(frames.frame_showing(picture, 0), device)
            result.put(picture, network.encoder.embeddings(frame))
        return result

    def put(self, index: int, embeddings: Sequence[Tensor]) -> None:
        """Keep the embeddings 1×c×h×w of frame ``index``, the coarsest first.

        Raises:
            InputError: one is not finite.
        """
        for level, embedding in enumerate(embeddings):
            values = embedding[0].float().cpu()
            low, high = values.amin((1, 2)), values.amax((1, 2))
            if not bool(torch.stack([low, high]).isfinite().all()):
                raise InputError(f"the embeddings of frame {index} are not finite")
            step = (high - low) / _LARGEST
            scaled = (values - low[:, None, None]) / torch.where(step > 0, step, 1)[:, None, None]
            self._numbers[level][index] = scaled.round_().clamp_(0, _LARGEST).numpy()
            self._low[level][index], self._step[level][index] = low, step

    def rounded(self, coarseness: Coarseness, frames: Sequence[int]) -> dict[int, list[Tensor]]:
        """Return the embeddings 1×c×h×w of ``frames`` as read from a file of this coarseness."""
        result: dict[int, list[Tensor]] = {index: [] for index in frames}
        for level, shape in enumerate(self._shapes):
            values = torch.empty(len(frames), shape[0], shape[1] * shape[2])
            tables = self._tables(level, coarseness)
            for channel, pixels, block in self._blocks(level):
                chosen = nearest_levels(block, tables[channel], coarseness)[list(frames)]
                values[:, channel, pixels] = tables[channel][chosen.long()]
            for index, of_frame in zip(frames, values, strict=True):
                result[index].append(of_frame.view(1, *shape))
        return result

    def coded(
        self, coarseness: Coarseness, shown: Sequence[int], *, quick: bool = False
    ) -> list[Tensor]:
        """Code the embeddings of all frames, as tensors of n uint8, the coarsest first.

        Args:
            shown: the picture that each frame shows.
            quick: sooner, and in more bytes.
        """
        levels = range(len(self._shapes))
        return [self._coded(level, coarseness, shown, quick=quick) for level in levels]

    def _coded(
        self, level: int, coarseness: Coarseness, shown: Sequence[int], *, quick: bool
    ) -> Tensor:
        shape, tables = self._shapes[level], self._tables(level, coarseness)
        pictures = len(self._numbers[level])
        levels: npt.NDArray[np.uint8] = np.empty(
            (pictures, shape[0], shape[1] * shape[2]), np.uint8
        )
        for channel, pixels, block in self._blocks(level):
            levels[:, channel, pixels] = nearest_levels(block, tables[channel], coarseness).numpy()
        values = torch.stack(tables).numpy()
        chosen = None if list(shown) == list(range(pictures)) else shown
        return packed_embeddings(levels.reshape(pictures, *shape), values, chosen, quick=quick)

    def _tables(self, level: int, coarseness: Coarseness) -> list[Tensor]:
        low, step = self._low[level], self._step[level]
        lowest, highest = low.amin(0).tolist(), (low + _LARGEST * step).amax(0).tolist()
        ends = zip(lowest, highest, strict=True)
        return [level_table(first, last, coarseness) for first, last in ends]

    def _blocks(self, level: int) -> Iterator[Block]:
        numbers, low, step = self._numbers[level], self._low[level], self._step[level]
        frames, channels = numbers.shape[:2]
        flat = numbers.reshape(frames, channels, -1)
        count = max(1, _BLOCK // frames)
        for channel in range(channels):
            scale, offset = step[:, channel, None], low[:, channel, None]
            for begin in range(0, flat.shape[2], count):
                pixels = slice(begin, begin + count)
                block = torch.from_numpy(flat[:, channel, pixels].astype(np.float32))
                yield channel, pixels, block.mul_(scale).add_(offset)


def export_bytes(config: ModelConfig, pictures: int) -> int:
    """Return the bytes that `TrainedEmbeddings` of so many pictures take, coding them included."""
    values = [math.prod(shape) for shape in config.embedding_shapes]
    block = min(_BLOCK, pictures * max(values))
    return pictures * (2 * sum(values) + max(values)) + _BLOCK_COPIES * 4 * block
