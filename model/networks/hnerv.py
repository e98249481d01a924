"""The full-frame decoders that NeRV360 is compared with: HNeRV and HNeRV-Boost."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.networks.layers import (
    ColourHead,
    ConditionedBlock,
    ConditionEmbedding,
    UpsamplingBlock,
    positional_encoding,
)


class HNeRV(nn.Module):
    """1×1 convolution d → c and GELU, then per stride a convolution, GELU and pixel shuffle; no
    condition (Chen et al., CVPR 2023). N×d×h×w → N×3×H×W in [0, 1].
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        wrap = config.erp_padding == "wrap"
        widths = config.widths
        self.stem = nn.Conv2d(config.embedding_channels, widths[0], 1)
        self.stages = nn.ModuleList(
            UpsamplingBlock(before, after, stride, kernel, wrap=wrap, sine=False)
            for before, after, stride, kernel in zip(
                widths[:-1], widths[1:], config.strides, config.kernels, strict=True
            )
        )
        self.head = ColourHead(widths[-1], wrap=wrap)

    def forward(self, embedding: Tensor, time: Tensor) -> Tensor:
        """``time`` is taken so that both full-frame decoders are called alike, and not used."""
        x = F.gelu(self.stem(embedding)).contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
        picture: Tensor = self.head(x)
        return picture


class BoostStage(nn.Module):
    """One SNeRV block and its TAT residual blocks."""

    def __init__(self, config: ModelConfig, index: int, *, wrap: bool) -> None:
        super().__init__()
        before, after = config.widths[index], config.widths[index + 1]
        stride, kernel = config.strides[index], config.kernels[index]
        self.block = UpsamplingBlock(before, after, stride, kernel, wrap=wrap)
        self.residuals = nn.ModuleList(
            ConditionedBlock(after, config.condition_channels, wrap=wrap)
            for _ in range(config.blocks[index])
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = self.block(x)
        for residual in self.residuals:
            x = residual(x, condition)
        return x


class HNeRVBoost(nn.Module):
    """HNeRV with SNeRV blocks and TAT residual blocks (Zhang et al., CVPR 2024).

    N×d×h×w and float64 times N in [0, 1) → N×3×H×W in [0, 1].
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        wrap = config.erp_padding == "wrap"
        width, condition = config.widths[0], config.condition_channels
        self.time_embedding = ConditionEmbedding(2 * config.encoding_levels, condition)
        self.stem = UpsamplingBlock(config.embedding_channels, width, 1, 1, wrap=wrap)
        self.residual = ConditionedBlock(width, condition, wrap=wrap)
        self.stages = nn.ModuleList(
            BoostStage(config, index, wrap=wrap) for index in range(len(config.strides))
        )
        self.head = ColourHead(config.widths[-1], wrap=wrap)

    def time_condition(self, time: Tensor) -> Tensor:
        """N×c embedding of normalised times, float64 N in [0, 1)."""
        config = self.config
        embedded: Tensor = self.time_embedding(
            positional_encoding(time, config.encoding_base, config.encoding_levels)
        )
        return embedded

    def forward(self, embedding: Tensor, time: Tensor) -> Tensor:
        condition = self.time_condition(time)
        x = self.stem(embedding).contiguous(memory_format=torch.channels_last)
        x = self.residual(x, condition)
        for stage in self.stages:
            x = stage(x, condition)
        picture: Tensor = self.head(x)
        return picture
