"""Stages of aligned layers, whose affines come from one table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.decoding.compiled.aligned import (
    AffineTable,
    AlignedStage,
    AlignedStem,
    AlignedUpsampling,
)
from model.networks.layers import Affine, ConditionedBlock, UpsamplingBlock

Stages = Sequence[tuple[UpsamplingBlock | nn.Conv2d, Sequence[ConditionedBlock]]]
"""Upsampling blocks, or HNeRV's stem, each with its residual blocks."""


class AlignedTrunk(nn.Module):
    """Stages that take their affines from one table."""

    def __init__(
        self,
        stages: Stages,
        dtype: torch.dtype,
        *,
        first: bool = False,
    ) -> None:
        super().__init__()
        built: list[AlignedStage] = []
        affines: list[Affine] = []
        for index, (block, residuals) in enumerate(stages):
            is_first = first and index == 0
            upsampling = (
                AlignedUpsampling(block, dtype, first=is_first)
                if isinstance(block, UpsamplingBlock)
                else AlignedStem(block, dtype, first=is_first)
            )
            built.append(AlignedStage(upsampling, residuals, dtype, len(affines)))
            affines += [affine for block in residuals for affine in (block.affine1, block.affine2)]
        self.stages = nn.ModuleList(built)
        self.table = AffineTable(affines, dtype) if affines else None

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        affines = self.table(condition) if self.table is not None else []
        for stage in self.stages:
            x = stage(x, affines)
        return x
