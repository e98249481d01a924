"""Embeddings of all frames of a clip, held in 16 bits and rounded a block of pixels at a time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.geometry import pad_erp
from nerv360.networks import build_decoder
from nerv360.progress import track
from nerv360.scene import Coarseness, level_table, nearest_levels, packed_embeddings
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import ClipFrames

_LARGEST = 2**16 - 1
_BLOCK = 2**20
"""Values that are rounded at once: about 25 MB, however long the clip is."""

_POLAR = 5
"""One in so many rows at each pole is kept whole."""
_NARROWEST = 1.75
"""Width of a pixel at the equator, as a multiple of one's in the rows that are not polar."""

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
        self._needed: list[npt.NDArray[np.uint8]] | None = None
        self._shapes = config.embedding_shapes
        self._numbers = [np.zeros((frames, *shape), np.uint16) for shape in self._shapes]
        self._low = [torch.zeros(frames, shape[0]) for shape in self._shapes]
        self._step = [torch.zeros(frames, shape[0]) for shape in self._shapes]

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        network: Autoencoder,
        frames: ClipFrames,
        device: torch.device,
        done: Callable[[int], None] = lambda picture: None,
    ) -> TrainedEmbeddings:
        """Encode all frames.

        Args:
            done: called after each picture with its number.

        Raises:
            InputError: an embedding is not finite.
        """
        result = cls(network.config, frames.pictures)
        for picture in track(range(frames.pictures), "encoding the pictures"):
            index = frames.frame_showing(picture, 0)
            needed = None
            if network.motion is not None:
                needed = needed_pixels(network.config, network.motion[index, 0].cpu())
            result.put(picture, network.encoder.embeddings(frames.frame(index, device)), needed)
            done(picture)
        return result

    def put(
        self, index: int, embeddings: Sequence[Tensor], needed: Sequence[Tensor] | None = None
    ) -> None:
        """Keep the embeddings 1×c×h×w of frame ``index``, the coarsest first.

        Args:
            index: of the frame; frames come in order.
            embeddings: of all levels.
            needed: which pixels of each level have to be kept, h×w bool; None for all. Others take
                the values of the frame before, which need no bytes.

        Raises:
            InputError: one is not finite.
        """
        for level, embedding in enumerate(embeddings):
            values = embedding[0].float().cpu()
            kept = values.flatten(1)
            if needed is not None and bool(needed[level].any()):
                kept = values[:, needed[level]]
            low, high = kept.amin(1), kept.amax(1)
            if not bool(torch.stack([low, high]).isfinite().all()):
                raise InputError(f"the embeddings of frame {index} are not finite")
            step = (high - low) / _LARGEST
            scaled = (values - low[:, None, None]) / torch.where(step > 0, step, 1)[:, None, None]
            self._numbers[level][index] = scaled.round_().clamp_(0, _LARGEST).numpy()
            self._low[level][index], self._step[level][index] = low, step
        if needed is not None:
            if self._needed is None:
                self._needed = [
                    np.zeros((len(kept), -(-each.numel() // 8)), np.uint8)
                    for kept, each in zip(self._numbers, needed, strict=True)
                ]
            for bits, each in zip(self._needed, needed, strict=True):
                bits[index] = np.packbits(each.flatten().numpy())

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
        count = max(8, _BLOCK // frames // 8 * 8)
        for channel in range(channels):
            scale, offset = step[:, channel, None], low[:, channel, None]
            for begin in range(0, flat.shape[2], count):
                pixels = slice(begin, begin + count)
                block = torch.from_numpy(flat[:, channel, pixels].astype(np.float32))
                block.mul_(scale).add_(offset)
                if self._needed is not None:
                    bits = self._needed[level][:, begin // 8 : (begin + count) // 8]
                    _hold(block, np.unpackbits(bits, axis=1, count=block.shape[1]).astype(bool))
                yield channel, pixels, block


def _hold(block: Tensor, needed: npt.NDArray[np.bool_]) -> None:
    """Give values frames×pixels that are not needed the frame before's, in place."""
    first = torch.from_numpy(needed[0])
    block[0, ~first] = block[0, first].mean() if bool(first.any()) else 0.0
    for index in range(1, len(block)):
        np.copyto(block[index].numpy(), block[index - 1].numpy(), where=~needed[index])


def needed_pixels(config: ModelConfig, motion: Tensor) -> list[Tensor]:
    """Return the embedding pixels that a frame's pictures depend on where they may show.

    Where nothing moves, alpha is 0, and a decoded picture is not seen (see `Coverage`).

    Args:
        config: of a network with a still panorama.
        motion: the frame's motion map, rows×columns uint8.

    Returns:
        for each level of the embedding, the coarsest first, height×width bool.
    """
    on_sphere, reaches = _reaches(config)
    cell = config.frame_height / motion.shape[0]
    hfov = math.radians(config.hfov_deg * (1 + config.hfov_jitter))
    pixel = 2 * math.tan(hfov / 2) / config.viewport_width  # of a viewport, at its centre
    wider = max(1.0, pixel * config.frame_width / (2 * math.pi))
    moving = (motion[None, None] > 0).float()
    result = []
    for reach, (_, height, width) in zip(reaches, config.embedding_shapes, strict=True):
        # Alpha is interpolated between cells of the map, and compares 3×3 cells of a picture.
        seen = wider * (cell + 3 * config.comparison_cell + config.frame_height / height)
        rows, columns = seen + reach, _NARROWEST * seen + reach
        if not on_sphere:
            rows, columns = seen + wider * reach, _NARROWEST * (seen + wider * reach)
        wide = _grown(moving, math.ceil(rows / cell) + 1, math.ceil(columns / cell) + 1)
        fine = F.interpolate(wide, (max(height, wide.shape[-2]), max(width, wide.shape[-1])))
        result.append(F.adaptive_max_pool2d(fine, (height, width))[0, 0] > 0)
    return result


@functools.lru_cache(maxsize=8)
def _reaches(config: ModelConfig) -> tuple[bool, tuple[float, ...]]:
    """Return whether all layers are on the sphere, and their reach from each level on, pixels."""
    network = build_decoder(config, "meta")
    on_sphere = network.full_frame or config.project_after == len(config.strides)
    layout, entries = network.layout(), (0, *(stage + 1 for stage in config.level_stages))
    return on_sphere, tuple(config.scale * layout.reach_from(entry) for entry in entries)


def _grown(moving: Tensor, rows: int, columns: int) -> Tensor:
    """Grow a map of the sphere, 1×1×h×w of 0 and 1; polar rows, of narrow pixels, become whole."""
    most = min(moving.shape[-2:]) - 1
    rows, columns = min(rows, most), min(columns, most)
    tall = pad_erp(moving, columns)[..., columns - rows : moving.shape[-2] + columns + rows, :]
    wide = F.max_pool2d(tall, (2 * rows + 1, 2 * columns + 1), stride=1)
    polar = wide.shape[-2] // _POLAR
    for cap in (wide[..., :polar, :], wide[..., -polar:, :]):
        cap.copy_(cap.amax(-1, keepdim=True).expand_as(cap))
    return wide


def export_bytes(config: ModelConfig, pictures: int) -> int:
    """Return the bytes that `TrainedEmbeddings` of so many pictures take, coding them included."""
    values = [math.prod(shape) for shape in config.embedding_shapes]
    block = min(_BLOCK, pictures * max(values))
    return pictures * (2 * sum(values) + max(values)) + _BLOCK_COPIES * 4 * block
