"""The last stage of a decoder in bands of rows, so that its maps are never whole in memory.

A band takes some rows of the stage's input beyond its own, and of what comes out the rows that
those spoilt are left out: zeros, or the sphere's other side, belong only around the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.decoding.compiled.aligned import aligned
from model.decoding.compiled.gpu import Gpu
from model.networks.layers import UpsamplingBlock

_BAND_BYTES = 160 * 2**20


@dataclass(frozen=True)
class Band:
    """First row, and the one after the last, of each.

    Attributes:
        source: taken from the stage's input; as many for every band, so that one program does all.
        kept: of the rows that come out of those.
        place: in the picture.
    """

    source: tuple[int, int]
    kept: tuple[int, int]
    place: tuple[int, int]


def plan_bands(height: int, stride: int, beyond: int, count: int) -> list[Band]:
    """``count`` bands, or fewer, of an input ``height`` rows high, of which each row depends on
    ``beyond`` more above and below.
    """
    rows = -(-height // count)
    taken = min(rows + 2 * beyond, height)
    bands = []
    for first in range(0, height, rows):
        end = min(first + rows, height)
        start = min(max(first - beyond, 0), height - taken)
        kept = (stride * (first - start), stride * (end - start))
        bands.append(Band((start, start + taken), kept, (stride * first, stride * end)))
    return bands


def rows_beyond(block: UpsamplingBlock, residuals: int) -> int:
    """How many rows of a stage's input the picture depends on above and below its own, by the
    head's 3×3, two more in each residual block, and the upsampling block's kernel.
    """
    return -(-(1 + 2 * residuals) // block.stride) + block.conv.kernel_size[0] // 2


def band_count(block: UpsamplingBlock, size: tuple[int, int], dtype: torch.dtype) -> int:
    """How many bands keep a map of a picture of ``size`` small, and no more than the stage's pixel
    shuffle has cells: a band's maps are then about as large as the input that is there anyway.
    """
    channels = aligned(block.conv.out_channels // block.stride**2)
    whole = size[0] * size[1] * channels * dtype.itemsize
    return min(-(-whole // _BAND_BYTES), block.stride**2)


class BandedTrunk:
    """A program for bands, run for one after the other.

    Attributes:
        bands: in the order in which they are computed.
        picture: height×width×4 uint8 that they are put into.
    """

    def __init__(self, program: nn.Module, bands: list[Band], width: int) -> None:
        """On the device where ``program``, from some rows to RGBA, is."""
        self.program, self.bands = program, bands
        device = next(program.buffers()).device
        height = bands[-1].place[1]
        self.picture = torch.empty(height, width, 4, dtype=torch.uint8, device=device)
        self._run: Callable[..., Tensor] = program

    def ready(self, gpu: Gpu, *inputs: Tensor) -> None:
        """As `Trunk.ready`: compile the program, at its first call."""
        self._run = gpu.compile(self.program)

    def __call__(self, features: Tensor, *conditions: Tensor) -> Tensor:
        """The picture, in the same memory each time."""
        for band in self.bands:
            pixels = self._run(features[:, :, slice(*band.source)], *conditions)
            self.picture[slice(*band.place)].copy_(pixels[slice(*band.kept)])
        return self.picture
