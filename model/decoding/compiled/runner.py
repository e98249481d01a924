"""Runners: the end of a decoder in several launches, if one program does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nerv360.decoding.compiled.band import StageBand
from nerv360.decoding.compiled.gpu import Gpu
from nerv360.networks import ColourHead, Stage


class Runner(Protocol):
    """Launches that end in the picture.

    Attributes:
        cells: means of the latest picture's cells, 1×3×h×w float32 in [0, 1], always in the same
            memory; None if it does not compute them.
    """

    cells: Tensor | None

    def ready(self, gpu: Gpu, *inputs: Any) -> None:
        """Compile, or measure, everything needed for ``inputs`` like these.

        Raises:
            RuntimeError: it cannot run here.
        """

    def __call__(self, *inputs: Any) -> Tensor:
        """Return contiguous height×width×4 uint8, always in the same memory."""


RunnerMaker = Callable[
    [Sequence[Stage], ColourHead, tuple[int, int], torch.dtype, int | None], Runner
]
"""Makes a runner.

Arguments:
    stages and head of the viewport's network;
    height and width of the viewport before the first stage;
    dtype of the convolutions' products;
    side of the cells whose mean colours are wanted, or None.

A runner takes contiguous h×w×c features and `AffineTable.scales_and_shifts` of all stages (unused
without residual blocks). For each stage with a finer embedding it also takes that embedding,
sampled at the look, in the same memory layout.
"""


class BandRunner:
    """Runner that applies one program to each band of the last stage in turn.

    Attributes:
        bands: in the order of computation.
        picture: height×width×4 uint8 assembled from them.
        cells: as in `Runner`.
    """

    def __init__(
        self, program: nn.Module, bands: list[StageBand], width: int, cell: int | None = None
    ) -> None:
        """Allocate the picture on the device of ``program``.

        Args:
            program: maps rows of features to the results of `AlignedHead`.
            cell: side of the cells, if their means are among those results.
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
        """Let the program be compiled at its first call."""
        self._run = gpu.compile(self.program)

    def __call__(self, features: Tensor, *conditions: Tensor) -> Tensor:
        """Run on 1×c×h×w features and the last stage's conditions."""
        for band in self.bands:
            pixels, *cells = self._run(features[:, :, slice(*band.input)], *conditions)
            self.picture[slice(*band.place)].copy_(pixels[slice(*band.kept)])
            if self.cells is not None:
                kept, place = (
                    slice(first // self._cell, end // self._cell)
                    for first, end in (band.kept, band.place)
                )
                self.cells[:, :, place].copy_(cells[0][:, :, kept])
        return self.picture


class OverStill:
    """Runner that adds alpha to another runner's picture.

    Attributes:
        runner: computes the picture and the means of its cells.
        program: computes alpha, height×width uint8, from those means and the values to compare them
            with, 1×4×h×w float32.
        cells: as in `Runner`.
    """

    def __init__(self, runner: Runner, program: nn.Module) -> None:
        self.runner, self.program = runner, program
        self.cells = runner.cells
        self._alpha: Callable[..., Tensor] = program

    def ready(self, gpu: Gpu, *inputs: Tensor) -> None:
        """Let the program be compiled at its first call."""
        self.runner.ready(gpu, *inputs[:-1])
        self._alpha = gpu.compile(self.program)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Run on the other runner's inputs and the values to compare its cells with."""
        picture = self.runner(*inputs[:-1])
        picture[..., 3].copy_(self._alpha(self.runner.cells, inputs[-1]))
        return picture


def weight_modules(runner: Runner | None) -> list[nn.Module] | None:
    """Return modules with all weights of a runner; None if it keeps them in another form."""
    if runner is None:
        return []
    if isinstance(runner, OverStill):
        below = weight_modules(runner.runner)
        return None if below is None else [runner.program, *below]
    return [runner.program] if isinstance(runner, BandRunner) else None
