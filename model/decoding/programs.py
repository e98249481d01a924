"""What a graph computes: each decoder as pure functions from small inputs to an RGBA picture.

They run on any device. `CompiledEngine` compiles and captures them; tests run them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.decoders import build_decoder, frame_times
from model.decoding.aligned import (
    AffineTable,
    AlignedConv,
    AlignedStage,
    AlignedUpsampling,
    RgbaHead,
)
from model.geometry import pad_erp
from model.hnerv import BoostStage, HNeRV, HNeRVBoost
from model.layers import Affine, ConditionedBlock, UpsamplingBlock, positional_encoding
from model.nerv360 import NeRV360, ViewportStage
from model.scene import Decoder

if TYPE_CHECKING:
    from model.decoding.fused import FusedTrunk


@dataclass(frozen=True)
class Programs:
    """One decoder's programs.

    Attributes:
        prepare: from a frame's index, int64 of shape 1, to what depends on the frame alone.
            Nothing in a full-frame decoder, of which everything does.
        picture: from what ``prepare`` returned and a look, float64 1×4 (yaw, pitch, roll and
            horizontal field of view in radians), or from the index where there is no ``prepare``,
            to contiguous height×width×4 uint8; with a trunk to its two inputs.
        trunk: kernels that end in the picture, launched after ``picture`` and not compiled.
    """

    prepare: nn.Module | None
    picture: nn.Module
    trunk: FusedTrunk | None = None


def build_programs(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    dtype: torch.dtype,
    *,
    fused: bool = False,
) -> Programs:
    """The programs of ``decoder`` for pictures of ``size``, its convolutions in ``dtype``.

    Args:
        fused: a viewport's stages are a `FusedTrunk`.

    Raises:
        ImportError: ``fused`` without Triton.
        RuntimeError: ``fused``, and the picture is too large for its kernels.
    """
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    network.eval().requires_grad_(False)
    frames = _Frames(decoder.embeddings, dtype)
    prepare: nn.Module | None = None
    with torch.no_grad():
        if isinstance(network, NeRV360):
            scale = decoder.config.scale
            projected = (size[0] // scale, size[1] // scale)
            prepare = PrepareFrame(network, frames, dtype).to(device)
            if fused:
                return _fused_programs(network.to(device), prepare, projected, dtype)
            picture: nn.Module = ViewportPicture(network, projected, dtype)
        else:
            picture = FramePicture(network, frames, dtype)
    return Programs(prepare, picture.to(device))


def _fused_programs(
    network: NeRV360, prepare: nn.Module, projected: tuple[int, int], dtype: torch.dtype
) -> Programs:
    from model.decoding.fused import FusedTrunk

    stages = [(stage.block, _blocks(stage.residuals)) for stage in _viewport_stages(network)]
    trunk = FusedTrunk(stages, network.head, projected, dtype)
    front = FusedFront(network, projected, dtype).to(trunk.picture.device)
    return Programs(prepare, front, trunk)


class PrepareFrame(nn.Module):
    """`NeRV360.expand` and the embedding of time, for a frame's index."""

    def __init__(self, network: NeRV360, frames: _Frames, dtype: torch.dtype) -> None:
        super().__init__()
        self.frames = frames
        self.time = _Time(network)
        early = network.config.expand_before_projection
        self.expansion = _expansion(network, dtype) if early else None

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """1×c2×(h+2)×(w+2) channels-last features, and the float32 1×c embedding of time."""
        embedding, time = self.frames(index)
        condition = self.time(time)
        if self.expansion is not None:
            embedding = self.expansion(embedding, condition)
        features = pad_erp(embedding, 1).contiguous(memory_format=torch.channels_last)
        return features, condition


class ViewportFront(nn.Module):
    """What one look sees of a frame, and what its stages are conditioned on."""

    def __init__(self, network: NeRV360, size: tuple[int, int], dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.size = network, size
        late = not network.config.expand_before_projection
        self.expansion = _expansion(network, dtype) if late else None

    def forward(
        self, features: Tensor, time_condition: Tensor, look: Tensor
    ) -> tuple[Tensor, Tensor]:
        """1×c2×size, channels-last, and the float32 1×e condition."""
        padded = (features.shape[-2], features.shape[-1])
        x = sample_bilinear(features, self.network.sampling_grid(look, self.size, padded)[0])
        if self.expansion is not None:
            x = self.expansion(x, time_condition)
        return x, torch.cat([time_condition, *self.network.look_conditions(look)], -1)


class ViewportPicture(nn.Module):
    """`NeRV360.decode` for one look."""

    def __init__(self, network: NeRV360, size: tuple[int, int], dtype: torch.dtype) -> None:
        super().__init__()
        self.front = ViewportFront(network, size, dtype)
        stages = _viewport_stages(network)
        self.trunk = _Trunk([(stage.block, _blocks(stage.residuals)) for stage in stages], dtype)
        self.head = RgbaHead(network.head, dtype)

    def forward(self, features: Tensor, time_condition: Tensor, look: Tensor) -> Tensor:
        x, condition = self.front(features, time_condition, look)
        rgba: Tensor = self.head(self.trunk(x, condition))
        return rgba


class FusedFront(nn.Module):
    """What `FusedTrunk` takes, for one look; the second is not read where nothing is folded."""

    def __init__(self, network: NeRV360, size: tuple[int, int], dtype: torch.dtype) -> None:
        super().__init__()
        self.front = ViewportFront(network, size, dtype)
        blocks = [b for stage in _viewport_stages(network) for b in _blocks(stage.residuals)]
        affines = [affine for block in blocks for affine in (block.affine1, block.affine2)]
        self.table = AffineTable(affines, dtype) if affines else None

    def forward(
        self, features: Tensor, time_condition: Tensor, look: Tensor
    ) -> tuple[Tensor, Tensor]:
        x, condition = self.front(features, time_condition, look)
        table = self.table.rows(condition) if self.table is not None else condition
        return x[0].permute(1, 2, 0).contiguous(), table


class FramePicture(nn.Module):
    """`HNeRV` or `HNeRVBoost`, for a frame's index."""

    def __init__(self, network: HNeRV | HNeRVBoost, frames: _Frames, dtype: torch.dtype) -> None:
        super().__init__()
        self.frames = frames
        stages: list[tuple[UpsamplingBlock | nn.Conv2d, list[ConditionedBlock]]]
        if isinstance(network, HNeRV):
            self.time = None
            blocks = [block for block in network.stages if isinstance(block, UpsamplingBlock)]
            stages = [(network.stem, []), *((block, []) for block in blocks)]
        else:
            self.time = _Time(network)
            boosts = [stage for stage in network.stages if isinstance(stage, BoostStage)]
            stages = [
                (network.stem, [network.residual]),
                *((stage.block, _blocks(stage.residuals)) for stage in boosts),
            ]
        self.trunk = _Trunk(stages, dtype, first=True)
        self.head = RgbaHead(network.head, dtype)

    def forward(self, index: Tensor) -> Tensor:
        embedding, time = self.frames(index)
        condition = self.time(time) if self.time is not None else None
        rgba: Tensor = self.head(self.trunk(embedding, condition))
        return rgba


def sample_bilinear(features: Tensor, grid: Tensor) -> Tensor:
    """`torch.nn.functional.grid_sample` (border, no aligned corners) of channels-last features.

    Four rows of channels are gathered for each point. torch's own kernels take channel after
    channel, which in channels-last touches as many lines of cache.

    Args:
        features: 1×c×H×W.
        grid: float64 h×w×2 in [−1, 1].

    Returns:
        1×c×h×w, channels-last, of the features' type.
    """
    _, channels, height, width = features.shape
    rows = features.permute(0, 2, 3, 1).reshape(height * width, channels)
    x = (((grid[..., 0] + 1) * width - 1) / 2).clamp(0, width - 1)
    y = (((grid[..., 1] + 1) * height - 1) / 2).clamp(0, height - 1)
    left, top = x.long().clamp(max=width - 2), y.long().clamp(max=height - 2)
    right_share = (x - left).float()[..., None]
    lower_share = (y - top).float()[..., None]
    corner = top * width + left
    upper = torch.lerp(rows[corner].float(), rows[corner + 1].float(), right_share)
    below = corner + width
    lower = torch.lerp(rows[below].float(), rows[below + 1].float(), right_share)
    sampled = torch.lerp(upper, lower, lower_share).to(features.dtype)
    return sampled[None].permute(0, 3, 1, 2)


class _Frames(nn.Module):
    """Embedding and time of every frame, on the device."""

    embeddings: Tensor
    times: Tensor

    def __init__(self, embeddings: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("embeddings", embeddings.to(dtype))
        self.register_buffer("times", frame_times(embeddings.shape[0]))

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embeddings.index_select(0, index)
        embedding = embedding.contiguous(memory_format=torch.channels_last)
        return embedding, self.times.index_select(0, index)


class _Time(nn.Module):
    """Float32 1×c embedding of a float64 time."""

    def __init__(self, network: NeRV360 | HNeRVBoost) -> None:
        super().__init__()
        self.base, self.levels = network.config.encoding_base, network.config.encoding_levels
        self.embedding = network.time_embedding

    def forward(self, time: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(positional_encoding(time, self.base, self.levels))
        return embedded


class _Trunk(nn.Module):
    """Stages that take their affines from one table."""

    def __init__(
        self,
        stages: Sequence[tuple[UpsamplingBlock | nn.Conv2d, list[ConditionedBlock]]],
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
                else AlignedConv(block, dtype, first=is_first)
            )
            built.append(AlignedStage(upsampling, residuals, dtype, len(affines)))
            affines += [affine for block in residuals for affine in (block.affine1, block.affine2)]
        self.stages = nn.ModuleList(built)
        self.table = AffineTable(affines, dtype) if affines else None

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        affines = self.table(condition) if self.table is not None else []
        for stage in self.stages:
            x = stage(x, affines)
        return x


def _expansion(network: NeRV360, dtype: torch.dtype) -> _Trunk:
    expansion = network.expansion
    return _Trunk([(expansion.block, [expansion.residual])], dtype, first=True)


def _viewport_stages(network: NeRV360) -> list[ViewportStage]:
    return [stage for stage in network.stages if isinstance(stage, ViewportStage)]


def _blocks(residuals: nn.ModuleList) -> list[ConditionedBlock]:
    return [block for block in residuals if isinstance(block, ConditionedBlock)]
