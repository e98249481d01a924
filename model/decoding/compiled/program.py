"""Programs of a decoder: pure functions from small inputs to an RGBA picture.

They run on any device. `CompiledEngine` compiles and captures them; tests run them directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nerv360.decoding.alpha import compared_still
from nerv360.decoding.compiled.aligned import AlignedHead, AlignedStages, affine_table
from nerv360.decoding.compiled.band import band_count, plan_bands, rows_beyond
from nerv360.decoding.compiled.crops import ExpandCrop, crop_sizes
from nerv360.decoding.compiled.runner import BandRunner, OverStill, Runner, RunnerMaker
from nerv360.decoding.compiled.seen import PrepareFrame, SeeFrame, SeeViewport
from nerv360.decoding.lowering import affines_of, covered_still, to_bytes_
from nerv360.networks import Architecture, Coverage, Stage, build_decoder
from nerv360.scene import Decoder


@dataclass(frozen=True)
class DecoderPrograms:
    """Programs of one decoder.

    Attributes:
        prepare: computes everything that depends only on the frame, from `Frames.inputs`. None for
            a full-frame decoder, whose pictures depend only on the frame.
        picture: computes contiguous height×width×4 uint8, or the inputs of ``runner`` if there is
            one. Its inputs are the results of ``prepare`` and a look, float64 1×4 (yaw, pitch, roll
            and horizontal field of view in radians), or without ``prepare`` `Frames.inputs`. With
            ``crops`` features come first, and their crop before the look.
        crops: compute the features of a crop, by size, for stages before the projection.
        runner: computes the rest if that takes more than one program; otherwise None.
    """

    prepare: nn.Module | None
    picture: nn.Module
    runner: Runner | None = None
    crops: tuple[ExpandCrop, ...] = ()


def build_programs(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    dtype: torch.dtype,
    *,
    bands: int | None = None,
    make_runner: RunnerMaker | None = None,
) -> DecoderPrograms:
    """Build the programs of ``decoder`` for pictures of ``size``, its convolutions in ``dtype``.

    Args:
        bands: number of bands of the last stage; by default chosen by its size.
        make_runner: makes the runner that computes a viewport's stages and head instead.

    Raises:
        RuntimeError: the runner does not support such pictures.
        ValueError: the decoder needs a still panorama but has none.
    """
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    network.eval().requires_grad_(False)
    with torch.no_grad():
        compared = _compared(network, decoder)
        network.to(device)
        layout, coverage = network.layout(), network.coverage
        alpha = CellAlpha(coverage, size).to(device) if coverage is not None else None
        cell = coverage.cell if coverage is not None else None
        prepare: nn.Module | None = None
        crops: tuple[ExpandCrop, ...] = ()
        if network.full_frame:
            stages: Sequence[Stage] = (layout.stem, *layout.stages)
            conditioned = bool(affines_of(stages))
            see: nn.Module = SeeFrame(network, compared, conditioned=conditioned)
        else:
            stages, config = layout.stages[network.config.project_after :], network.config
            if config.project_after:
                sized = config.replace(viewport_height=size[0], viewport_width=size[1])
                crops = tuple(
                    ExpandCrop(network, each, dtype).to(device) for each in crop_sizes(sized)
                )
            prepare = PrepareFrame(network, dtype).to(device)
            viewport = SeeViewport(network, size, dtype, compared)
            see = viewport
            if make_runner is not None:
                runner = make_runner(stages, layout.head, viewport.size, dtype, cell)
                front: nn.Module = RunnerInputs(see, stages, dtype).to(device)
                return DecoderPrograms(prepare, front, _over_still(runner, alpha), crops)
        head = AlignedHead(layout.head, dtype, cell)
        first, last = prepare is None, stages[-1] if stages else None
        count = 1 if last is None else bands or band_count(last, size, dtype)
        if last is None or count == 1:
            whole = _Picture(see, AlignedStages(stages, dtype, first=first), head, alpha)
            return DecoderPrograms(prepare, whole.to(device), crops=crops)
        front = _Front(see, AlignedStages(stages[:-1], dtype, first=first)).to(device)
        rest = _Rest(AlignedStages(stages[-1:], dtype), head).to(device)
        plan = plan_bands(size[0] // last.stride, last.stride, rows_beyond(last), count, cell or 1)
        banded = BandRunner(rest, plan, size[1], cell)
        return DecoderPrograms(prepare, front, _over_still(banded, alpha), crops)


def _compared(network: Architecture, decoder: Decoder) -> Tensor | None:
    # On the CPU, because its floats take at least four times the memory of the result.
    still = covered_still(decoder, torch.device("cpu"))
    if network.coverage is None or still is None:
        return None
    return compared_still(network.coverage, still, full_frame=network.full_frame)


def _over_still(runner: Runner, alpha: CellAlpha | None) -> Runner:
    return runner if alpha is None else OverStill(runner, alpha)


class CellAlpha(nn.Module):
    """Alpha of pictures of ``size``, height and width, from the means of their cells."""

    def __init__(self, coverage: Coverage, size: tuple[int, int]) -> None:
        super().__init__()
        self.coverage, self.size = coverage, size

    def forward(self, cells: Tensor, compared: Tensor) -> Tensor:
        """Return alpha height×width uint8.

        Args:
            cells: means from `AlignedHead`.
            compared: from `StageInputs`.
        """
        still, motion = compared[:, :3], compared[:, 3:]
        return to_bytes_(self.coverage.of_cells(cells, still, motion, self.size)[0, 0])


class RunnerInputs(nn.Module):
    """Inputs of a runner from a `RunnerMaker`, for one look."""

    def __init__(self, see: nn.Module, stages: Sequence[Stage], dtype: torch.dtype) -> None:
        super().__init__()
        self.see = see
        self.table = affine_table(stages, dtype)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        seen = self.see(*inputs)
        table = seen.condition
        if self.table is not None:
            table = self.table.scales_and_shifts(table)
        features, *finer = (
            map[0].permute(1, 2, 0).contiguous() for map in (seen.features, *seen.finer)
        )
        compared = () if seen.compared is None else (seen.compared,)
        return features, table, *finer, *compared


class _Picture(nn.Module):
    """A decoder in one program."""

    def __init__(
        self,
        see: nn.Module,
        stages: AlignedStages,
        head: AlignedHead,
        alpha: CellAlpha | None,
    ) -> None:
        super().__init__()
        self.see, self.stages, self.head, self.alpha = see, stages, head, alpha

    def forward(self, *inputs: Tensor) -> Tensor:
        seen = self.see(*inputs)
        features = self.stages(seen.features, seen.condition, seen.finer)
        rgba: Tensor
        rgba, *cells = self.head(features)
        if self.alpha is not None:
            rgba[..., 3] = self.alpha(*cells, seen.compared)
        return rgba


class _Front(nn.Module):
    """All stages but the last.

    It passes on the condition of the last stage, and the values to compare the picture's cells
    with.
    """

    def __init__(self, see: nn.Module, stages: AlignedStages) -> None:
        super().__init__()
        self.see, self.stages = see, stages

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        seen = self.see(*inputs)
        features = self.stages(seen.features, seen.condition, seen.finer)
        passed = (seen.condition, seen.compared)
        return (features, *(each for each in passed if each is not None))


class _Rest(nn.Module):
    """The last stage and the head."""

    def __init__(self, last: AlignedStages, head: AlignedHead) -> None:
        super().__init__()
        self.last, self.head = last, head

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.head(self.last(*inputs))
