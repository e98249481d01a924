"""Runners: the end of a decoder in several launches, where one program does not do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from model.decoding.compiled.band import Band
from model.decoding.compiled.gpu import Gpu
from model.networks import ColourHead, Stage


class Runner(Protocol):
    """Launches of what ends in the picture."""

    def ready(self, gpu: Gpu, *inputs: Any) -> None:
        """Compile, or measure, what ``inputs`` like these need.

        Raises:
            RuntimeError: it cannot run here.
        """
        ...

    def __call__(self, *inputs: Any) -> Tensor:
        """Contiguous height×width×4 uint8, in the same memory each time."""
        ...


RunnerMaker = Callable[[Sequence[Stage], ColourHead, tuple[int, int], torch.dtype], Runner]
"""Makes a runner of a viewport's stages and head, the viewport's height and width before the first
stage, and the type that its convolutions multiply.

Its inputs are h×w×c features, contiguous, and `AffineTable.scales_and_shifts` of all stages, which
is not read where they have no residual blocks.
"""


class BandRunner:
    """A program for bands of the last stage, run for one after the other.

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
        """See `Runner.ready`: the program is compiled at its first call."""
        self._run = gpu.compile(self.program)

    def __call__(self, features: Tensor, *conditions: Tensor) -> Tensor:
        """See `Runner`; from 1×c×h×w features, and what the last stage is conditioned on."""
        for band in self.bands:
            pixels = self._run(features[:, :, slice(*band.source)], *conditions)
            self.picture[slice(*band.place)].copy_(pixels[slice(*band.kept)])
        return self.picture
