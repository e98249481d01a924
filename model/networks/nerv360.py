"""The NeRV360 decoder: expand on the sphere, project to the viewport, decode only that.

With ``project_after`` the first stages, too, run on the sphere: in the crop that a look sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from nerv360.config import DEMO, PAPER, ModelConfig
from nerv360.geometry import pad_erp
from nerv360.networks.architecture import (
    Layout,
    Stage,
    TimeConditioned,
    conditioned_stages,
    laid_out,
)
from nerv360.networks.frame_crop import FrameCrop, project, seen_crop
from nerv360.networks.layers import (
    ColourHead,
    ConditionedBlock,
    ConditionEmbedding,
    UpsamplingBlock,
    periodic_encoding,
    positional_encoding,
)


class Expansion(nn.Module):
    """Channel expansion d → c2 and one TAT residual block (paper, section 2.2)."""

    def __init__(self, config: ModelConfig, *, wrap: bool) -> None:
        super().__init__()
        width = config.widths[0]
        self.block = UpsamplingBlock(config.embedding_channels, width, 1, 1, wrap=wrap)
        self.residual = ConditionedBlock(width, config.condition_channels, wrap=wrap)

    def forward(self, embedding: Tensor, time_condition: Tensor) -> Tensor:
        return self.residual(self.block(embedding), time_condition)


class NeRV360(TimeConditioned):
    """Decoder of the viewport around one look direction of one frame (paper, section 2).

    Looks and times may be on another device than the network: Metal has no float64.
    """

    name = "nerv360"
    full_frame = False
    suits_bfloat16 = True
    presets: ClassVar = {
        "paper": PAPER,
        "paper-aligned": PAPER.replace(channels=126, width_multiple=16),
        "demo": DEMO,
    }

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        condition = channels = config.condition_channels
        if config.condition_on_look:
            levels = (
                config.look_levels if config.look_encoding == "periodic" else config.encoding_levels
            )
            self.yaw_embedding = ConditionEmbedding(2 * levels, channels)
            self.pitch_embedding = ConditionEmbedding(2 * levels, channels)
            condition = 3 * channels
        wrap = config.erp_padding == "wrap" and config.expand_before_projection
        self.expansion = Expansion(config, wrap=wrap)
        on_sphere = config.project_after
        self.stages = conditioned_stages(
            config,
            [channels] * on_sphere + [condition] * (len(config.strides) - on_sphere),
            wrap=[stage < on_sphere for stage in range(len(config.strides))],
        )
        self.head = ColourHead(config.widths[-1], wrap=False)
        layout = self.layout()
        self._reach = layout.features_reach(config.project_after)
        self._margins = layout.margins(config.project_after)

    def look_conditions(self, look: Tensor) -> list[Tensor]:
        """Embed longitude and latitude for the STAT blocks, float32 N×c each (paper, section 2.3).

        Empty without ``condition_on_look``.
        """
        config = self.config
        if not config.condition_on_look:
            return []
        yaw, pitch = look[:, 0], look[:, 1]
        if config.look_encoding == "periodic":
            codes = [periodic_encoding(angle, config.look_levels) for angle in (yaw, pitch)]
        else:
            wrapped = torch.remainder(yaw / (2 * math.pi) + 0.5, 1.0)
            codes = [
                positional_encoding(value, config.encoding_base, config.encoding_levels)
                for value in (wrapped, pitch / math.pi + 0.5)
            ]
        return [self.yaw_embedding(codes[0]), self.pitch_embedding(codes[1])]

    def expand(
        self,
        embedding: Tensor,
        time: Tensor,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        """Compute all that comes before the projection, N×d×h×w → N×c×(s·h+2)×(s·w+2).

        s is the product of the strides before the projection. The result is continued by one pixel
        across seam and poles. Zeros surround the part of a crop that its looks see.
        """
        if not self.config.expand_before_projection:
            return pad_erp(embedding, 1)
        condition = self.time_condition(time)
        x = self.expansion(embedding, condition)
        if self.config.project_after:
            x, levels = x.contiguous(memory_format=torch.channels_last), self.finer.matched(finer)
            inner = crop
            for index, margin in enumerate(self._margins):
                if crop is not None and inner is not None:
                    outer, inner = inner, crop.inner(margin)
                    x = outer.part(inner, x)
                    levels = {key: outer.part(inner, level) for key, level in levels.items()}
                x = self.finer.add(index, self.stages[index](x, condition), levels)
            if crop is not None and inner is not None:
                x = crop.around(inner, x)
        return pad_erp(x, 1)

    def crop_of(self, look: Tensor) -> FrameCrop | None:
        """Return the crop to expand for a look if stages come before the projection."""
        if not self.config.project_after:
            return None
        return seen_crop(self.config, look, self._reach)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        if look is None:
            raise ValueError("look is missing: this network decodes viewports")
        time, levels = time.expand(look.shape[0]), self.finer.matched(finer)
        height, width = self.config.viewport_embedding_size
        scale = math.prod(self.config.strides[: self.config.project_after])
        x = project(features, look, (scale * height, scale * width), crop)
        if not self.config.expand_before_projection:
            x = self.expansion(x, self.time_condition(time))
        x = x.contiguous(memory_format=torch.channels_last)
        condition = self.condition(time, look)
        for index, stage in enumerate(self.stages):
            if index < self.config.project_after:
                continue
            x = stage(x, condition)
            added = self.finer.after(index)
            if added is not None:
                size = (x.shape[-2], x.shape[-1])
                x = x + added(project(pad_erp(levels[index], 1), look, size, crop))
        return self.head(x)

    def layout(self) -> Layout:
        expansion = self.expansion
        stem = Stage.of(expansion.block, [expansion.residual])
        return Layout(stem, laid_out(self.stages, self.finer), self.head)
