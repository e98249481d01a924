"""The NeRV360 decoder: expand on the sphere, project to the viewport, decode only that."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.geometry import (
    camera_rays,
    directions_to_angles,
    erp_grid,
    pad_erp,
    rotation_tensor,
)
from model.networks.layers import (
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
        x: Tensor = self.residual(self.block(embedding), time_condition)
        return x


class ViewportStage(nn.Module):
    """One SNeRV block and its STAT residual blocks (paper, figure 3)."""

    def __init__(self, config: ModelConfig, index: int, condition: int) -> None:
        super().__init__()
        before, after = config.widths[index], config.widths[index + 1]
        stride, kernel = config.strides[index], config.kernels[index]
        self.block = UpsamplingBlock(before, after, stride, kernel, wrap=False)
        self.residuals = nn.ModuleList(
            ConditionedBlock(after, condition, wrap=False) for _ in range(config.blocks[index])
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = self.block(x)
        for residual in self.residuals:
            x = residual(x, condition)
        return x


class NeRV360(nn.Module):
    """Decodes the viewport around one look direction of one frame (paper, section 2).

    Looks are float64 tensors N×4 of yaw, pitch, roll and horizontal field of view in radians;
    times are float64 N, frame index over frame count. Both may lie on another device than the
    network, as on Metal, which has no float64.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.condition_channels
        self.time_embedding = ConditionEmbedding(2 * config.encoding_levels, channels)
        condition = channels
        if config.condition_on_look:
            levels = (
                config.look_levels if config.look_encoding == "periodic" else config.encoding_levels
            )
            self.yaw_embedding = ConditionEmbedding(2 * levels, channels)
            self.pitch_embedding = ConditionEmbedding(2 * levels, channels)
            condition = 3 * channels
        wrap = config.erp_padding == "wrap" and config.expand_before_projection
        self.expansion = Expansion(config, wrap=wrap)
        self.stages = nn.ModuleList(
            ViewportStage(config, index, condition) for index in range(len(config.strides))
        )
        self.head = ColourHead(config.widths[-1], wrap=False)

    def time_condition(self, time: Tensor) -> Tensor:
        """N×c embedding of normalised times, float64 N in [0, 1)."""
        config = self.config
        embedded: Tensor = self.time_embedding(
            positional_encoding(time, config.encoding_base, config.encoding_levels)
        )
        return embedded

    def condition(self, time: Tensor, look: Tensor) -> Tensor:
        """What the STAT blocks see: N×3c, or N×c without longitude and latitude."""
        return torch.cat([self.time_condition(time), *self.look_conditions(look)], -1)

    def look_conditions(self, look: Tensor) -> list[Tensor]:
        """N×c embeddings of longitude and latitude, none where they are not looked at."""
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

    def expand(self, embedding: Tensor, time: Tensor) -> Tensor:
        """The features that `project` samples; they depend on the frame alone, so that they serve
        every look at it. N×d×h×w → N×c2×h×w, widened by one pixel a side across seam and poles.
        """
        if self.config.expand_before_projection:
            embedding = self.expansion(embedding, self.time_condition(time))
        return pad_erp(embedding, 1)

    def project(self, features: Tensor, look: Tensor, size: tuple[int, int]) -> Tensor:
        """Perspective projection to N×c×size, bilinear (paper, section 2.2)."""
        return sample_features(
            features, self.sampling_grid(look, size, (features.shape[-2], features.shape[-1]))
        )

    def sampling_grid(self, look: Tensor, size: tuple[int, int], padded: tuple[int, int]) -> Tensor:
        """Where `project` samples, for `torch.nn.functional.grid_sample` without aligned corners:
        float64 N×size×2, in features that are ``padded`` pixels high and wide, padding included.
        """
        height, width = size
        rays = camera_rays(height, width, 1.0, look.device, torch.float64)
        scale = torch.tan(look[:, 3] / 2)[:, None, None]
        rays = torch.cat(
            [
                rays[..., :2] * scale[..., None],
                rays[..., 2:].expand(look.shape[0], height, width, 1),
            ],
            -1,
        )
        rotation = rotation_tensor(look[:, 0], look[:, 1], look[:, 2])
        directions = torch.einsum("nhwj,nij->nhwi", rays, rotation)
        longitude, latitude = directions_to_angles(directions)
        return erp_grid(longitude, latitude, padded[0] - 2, padded[1] - 2)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Viewports N×3×H×W in [0, 1] from the result of `expand`, which may hold one frame for
        all looks. ``size`` is the viewport's embedding size, the configuration's by default.
        """
        x = self.project(features, look, size or self.config.viewport_embedding_size)
        if not self.config.expand_before_projection:
            x = self.expansion(x, self.time_condition(time))
        x = x.contiguous(memory_format=torch.channels_last)
        condition = self.condition(time, look)
        for stage in self.stages:
            x = stage(x, condition)
        picture: Tensor = self.head(x)
        return picture

    def forward(
        self,
        embedding: Tensor,
        time: Tensor,
        look: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`expand` and `decode` in one."""
        return self.decode(self.expand(embedding, time), time, look, size)


def sample_features(features: Tensor, grid: Tensor) -> Tensor:
    """Features, which may be one frame's for all looks, where `NeRV360.sampling_grid` says.

    Coordinates are float32 at the least: rounded to half precision they are up to a sixteenth
    of a pixel off in a frame 256 wide, and half a pixel in bfloat16.
    """
    if features.shape[0] != grid.shape[0]:
        features = features.expand(grid.shape[0], *features.shape[1:])
    return F.grid_sample(
        features.float(),
        grid.to(features.device, torch.float32),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
