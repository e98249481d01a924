"""Runners: the end of a decoder in several launches, where one program does not do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from model.decoding.compiled.band import Band, Span
from model.decoding.compiled.gpu import Gpu
from model.networks import ColourHead, Stage


class Runner(Protocol):
    """Launches of what ends in the picture.

    Attributes:
        cells: means of the latest picture's cells, 1×3×h×w float32 in [0, 1], in the same memory
            each time; None where it was made to compute none.
    """

    cells: Tensor | None

    def ready(self, gpu: Gpu, *inputs: Any) -> None:
        """Compile, or measure, what ``inputs`` like these need.

        Raises:
            RuntimeError: it cannot run here.
        """
        ...

    def __call__(self, *inputs: Any) -> Tensor:
        """Contiguous height×width×4 uint8, in the same memory each time."""
        ...


RunnerMaker = Callable[
    [Sequence[Stage], ColourHead, tuple[int, int], torch.dtype, int | None], Runner
]
"""Makes a runner of a viewport's stages and head, the viewport's height and width before the first
stage, the type that its convolutions multiply, and the side of cells whose means are wanted.

Its inputs are h×w×c features, contiguous, `AffineTable.scales_and_shifts` of all stages, which is
not read where they have no residual blocks, and the finer embeddings as the viewport sees them, as
the features lie, for those stages that add one.
"""


class BandRunner:
    """A program for bands of the last stage, run for one after the other.

    Attributes:
        bands: in the order in which they are computed.
        picture: height×width×4 uint8 that they are put into.
        cells: as `Runner` has them.
    """

    def __init__(
        self, program: nn.Module, bands: list[Band], width: int, cell: int | None = None
    ) -> None:
        """On the device where ``program`` is.

        Args:
            program: from some rows to what `AlignedHead` returns.
            cell: side of the cells whose means are part of that.
        """
        self.program, self.bands, self._cell = program, bands, cell or 1
        device = next(program.buffers()).device
        height = bands[-1].place[1]
        self.picture = torch.empty(height, width, 4, dtype=torch.uint8, device=device)
        self.cells: Tensor | None = None
        if cell is not None:
            self.cells = torch.empty(1, 3, height // cell, width // cell, device=device)
        self._run: Callable[..., tuple[Tensor, ...]] = program

    def ready(self, gpu: Gpu, *inputs: Tensor) -> None:
        """See `Runner.ready`: the program is compiled at its first call."""
        self._run = gpu.compile(self.program)

    def __call__(self, features: Tensor, *conditions: Tensor) -> Tensor:
        """See `Runner`; from 1×c×h×w features, and what the last stage is conditioned on."""
        for band in self.bands:
            pixels, *cells = self._run(features[:, :, slice(*band.source)], *conditions)
            self.picture[slice(*band.place)].copy_(pixels[slice(*band.kept)])
            if self.cells is not None:
                kept, place = (self._rows_of_cells(rows) for rows in (band.kept, band.place))
                self.cells[:, :, place].copy_(cells[0][:, :, kept])
        return self.picture

    def _rows_of_cells(self, rows: Span) -> slice:
        return slice(rows[0] // self._cell, rows[1] // self._cell)


class OverStill:
    """Another runner, whose picture's cells are compared with the still panorama.

    Attributes:
        runner: computes the picture and the means of its cells.
        program: from those and what they are compared with, 1×4×h×w float32, to alpha,
            height×width uint8.
        cells: those of ``runner``.
    """

    def __init__(self, runner: Runner, program: nn.Module) -> None:
        self.runner, self.program = runner, program
        self.cells = runner.cells
        self._alpha: Callable[..., Tensor] = program

    def ready(self, gpu: Gpu, *inputs: Tensor) -> None:
        """See `Runner.ready`: the program is compiled at its first call."""
        self.runner.ready(gpu, *inputs[:-1])
        self._alpha = gpu.compile(self.program)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See `Runner`; from the other runner's inputs, and what its cells are compared with."""
        picture = self.runner(*inputs[:-1])
        picture[..., 3].copy_(self._alpha(self.runner.cells, inputs[-1]))
        return picture
