"""HNeRV and HNeRV-Boost rearranged for inference as NeRV360 is, and the engine of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.decoding.eager import EagerEngine
from model.decoding.folded.stages import (
    Affines,
    FoldedHead,
    FoldedStage,
    affine_bank,
    gelu_,
    residual_blocks,
)
from model.geometry import Look
from model.networks.architecture import Architecture
from model.networks.hnerv import BoostStage, HNeRV, HNeRVBoost
from model.networks.layers import ConditionedBlock, UpsamplingBlock
from model.networks.nerv360 import NeRV360
from model.scene import Decoder

Stages = list[tuple[UpsamplingBlock, list[ConditionedBlock]]]


class FoldedFrame:
    """A full-frame decoder, its convolutions in ``dtype``, ending in RGBA bytes."""

    def __init__(self, network: Architecture, dtype: torch.dtype = torch.float32) -> None:
        self.network, self.dtype = network, dtype
        stages = _stages(network)
        self.stages = [FoldedStage(block, residuals, dtype) for block, residuals in stages]
        self.bank = affine_bank([block for _, residuals in stages for block in residuals])
        self.head = FoldedHead(network.layout().head, dtype)
        self.stem: tuple[Tensor, Tensor] | None = None
        if isinstance(network, HNeRV):
            assert network.stem.bias is not None
            self.stem = network.stem.weight.to(dtype), network.stem.bias.to(dtype)

    def __call__(self, embedding: Tensor, time: Tensor) -> Tensor:
        """1×d×h×w and float64 1 → contiguous height×width×4 uint8."""
        x = embedding.to(self.dtype, memory_format=torch.channels_last)
        if self.stem is not None:
            x = gelu_(F.conv2d(x, *self.stem))
        affines: Affines = iter(())
        if self.bank is not None and isinstance(self.network, HNeRVBoost):
            affines = iter(self.bank(self.network.time_condition(time)))
        for stage in self.stages:
            x = stage(x, affines)
        return self.head(x)


class FoldedFrameEngine(EagerEngine):
    """Decodes whole frames by `FoldedFrame`, operator by operator."""

    name = "folded"

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Fold the decoder; its convolutions run in ``dtype``, float32 or bfloat16."""
        super().__init__(decoder, device, size, torch.float32)
        assert not isinstance(self.network, NeRV360)
        if dtype is torch.bfloat16:
            self.name = "folded-bfloat16"
        self.precision = dtype
        with torch.inference_mode():
            self._folded = FoldedFrame(self.network, dtype)

    def _decode(self, look: Look, frame: int) -> Tensor:
        return self._folded(*self._code(frame))


def _stages(network: Architecture) -> Stages:
    if isinstance(network, HNeRV):
        return [(block, []) for block in network.stages if isinstance(block, UpsamplingBlock)]
    assert isinstance(network, HNeRVBoost)
    stages: Stages = [(network.stem, [network.residual])]
    for stage in network.stages:
        assert isinstance(stage, BoostStage)
        stages.append((stage.block, residual_blocks(stage.residuals)))
    return stages
