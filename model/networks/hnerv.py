"""The full-frame decoders that NeRV360 is compared with: HNeRV and HNeRV-Boost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.config import DEMO, PAPER, ModelConfig
from nerv360.networks.architecture import (
    Architecture,
    Layout,
    Stage,
    TimeConditioned,
    conditioned_stages,
    laid_out,
)
from nerv360.networks.frame_crop import FrameCrop
from nerv360.networks.layers import ColourHead, ConditionedBlock, SphereConv, UpsamplingBlock


class HNeRV(Architecture):
    """HNeRV (Chen et al., CVPR 2023): N×d×h×w → N×3×H×W in [0, 1], without a condition.

    1×1 convolution d → c and GELU, then per stride a convolution, GELU and pixel shuffle.

    Its GELU passes on features around 2, where bfloat16 is coarser than a picture's 8 bits. In
    bfloat16 the demo's HNeRV reached only 32 dB against its float32 picture, and a training of 600
    steps lost 0.5 dB.
    """

    name = "hnerv"
    full_frame = True
    suits_bfloat16 = False
    presets: ClassVar = {
        "paper": PAPER.replace(
            architecture=name, kernels=(1, 3, 5, 5), channels=151, erp_padding="zeros"
        ),
        "demo": DEMO.replace(
            architecture=name,
            kernels=(1, 3, 5),
            blocks=(0, 0, 0),
            channels=66,
            erp_padding="zeros",
        ),
    }

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        wrap = config.erp_padding == "wrap"
        widths = config.widths
        self.stem = SphereConv(config.embedding_channels, widths[0], 1, wrap, gain=None)
        self.stages = nn.ModuleList(
            UpsamplingBlock(before, after, stride, kernel, wrap=wrap, sine=False)
            for before, after, stride, kernel in zip(
                widths[:-1], widths[1:], config.strides, config.kernels, strict=True
            )
        )
        self.head = ColourHead(widths[-1], wrap=wrap)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        levels = self.finer.matched(finer)
        x = F.gelu(self.stem(features)).contiguous(memory_format=torch.channels_last)
        for index, stage in enumerate(self.stages):
            x = self.finer.add(index, stage(x), levels)
        return self.head(x)

    def layout(self) -> Layout:
        stages = tuple(
            Stage.of(cast(UpsamplingBlock, block), finer=self.finer.after(index))
            for index, block in enumerate(self.stages)
        )
        return Layout(Stage(self.stem, 1, sine=False), stages, self.head)


class HNeRVBoost(TimeConditioned):
    """HNeRV with SNeRV blocks and TAT residual blocks (Zhang et al., CVPR 2024).

    N×d×h×w and float64 times N in [0, 1) → N×3×H×W in [0, 1].
    """

    name = "hnerv-boost"
    full_frame = True
    suits_bfloat16 = True
    presets: ClassVar = {
        "paper": PAPER.replace(architecture=name, channels=143, erp_padding="zeros"),
        "demo": DEMO.replace(architecture=name, channels=31, erp_padding="zeros"),
    }

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        wrap = config.erp_padding == "wrap"
        width, condition = config.widths[0], config.condition_channels
        self.stem = UpsamplingBlock(config.embedding_channels, width, 1, 1, wrap=wrap)
        self.residual = ConditionedBlock(width, condition, wrap=wrap)
        self.stages = conditioned_stages(config, condition, wrap=wrap)
        self.head = ColourHead(config.widths[-1], wrap=wrap)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        condition, levels = self.time_condition(time), self.finer.matched(finer)
        x = self.stem(features).contiguous(memory_format=torch.channels_last)
        x = self.residual(x, condition)
        for index, stage in enumerate(self.stages):
            x = self.finer.add(index, stage(x, condition), levels)
        return self.head(x)

    def layout(self) -> Layout:
        return Layout(
            Stage.of(self.stem, [self.residual]), laid_out(self.stages, self.finer), self.head
        )
