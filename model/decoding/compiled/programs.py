"""What a graph computes: each decoder as pure functions from small inputs to an RGBA picture.

They run on any device. `CompiledEngine` compiles and captures them; tests run them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from model.decoding.compiled.aligned import AffineTable, RgbaHead
from model.decoding.compiled.aligned_trunk import AlignedTrunk, Stages
from model.decoding.compiled.bands import BandedTrunk, band_count, plan_bands, rows_beyond
from model.decoding.compiled.cache import KeptFile
from model.decoding.compiled.gpu import Gpu
from model.geometry import pad_erp, viewport_grid
from model.networks.architecture import Architecture
from model.networks.hnerv import BoostStage, HNeRV, HNeRVBoost
from model.networks.layers import ConditionedBlock, UpsamplingBlock, positional_encoding
from model.networks.nerv360 import NeRV360, ViewportStage
from model.networks.registry import build_decoder, frame_times
from model.scene import Decoder

if TYPE_CHECKING:
    from model.decoding.triton.trunk import FusedTrunk


class Trunk(Protocol):
    """What ends in the picture, in several launches."""

    def ready(self, gpu: Gpu, *inputs: Any) -> None:
        """Compile, or measure, what ``inputs`` like these need.

        Raises:
            RuntimeError: it cannot run here.
        """
        ...

    def __call__(self, *inputs: Any) -> Tensor:
        """Contiguous height×width×4 uint8, in the same memory each time."""
        ...


@dataclass(frozen=True)
class Programs:
    """One decoder's programs.

    Attributes:
        prepare: from a frame's index, int64 of shape 1, to what depends on the frame alone.
            Nothing in a full-frame decoder, of which everything does.
        picture: from what ``prepare`` returned and a look, float64 1×4 (yaw, pitch, roll and
            horizontal field of view in radians), or from the index where there is no ``prepare``,
            to contiguous height×width×4 uint8; with a trunk to its inputs.
        trunk: does the rest, where that is more than one program.
    """

    prepare: nn.Module | None
    picture: nn.Module
    trunk: Trunk | None = None


def build_programs(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    dtype: torch.dtype,
    *,
    fused: bool = False,
    bands: int | None = None,
    tiles: KeptFile | None = None,
) -> Programs:
    """The programs of ``decoder`` for pictures of ``size``, its convolutions in ``dtype``.

    Args:
        fused: a viewport's stages are a `FusedTrunk`.
        bands: in which the last stage runs; by its size unless given.
        tiles: as `FusedTrunk` has it.

    Raises:
        ImportError: ``fused`` without Triton.
        RuntimeError: ``fused``, and the picture is too large for its kernels.
    """
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    network.to(device).eval().requires_grad_(False)
    frames = _Frames(decoder.embeddings, dtype).to(device)
    prepare: nn.Module | None = None
    with torch.no_grad():
        if isinstance(network, NeRV360):
            scale = decoder.config.scale
            projected = (size[0] // scale, size[1] // scale)
            prepare = PrepareFrame(network, frames, dtype)
            source: nn.Module = ViewportSource(network, projected, dtype)
            stages = _viewport_stages(network)
            if fused:
                trunk = _fused_trunk(network, stages, projected, dtype, bands, tiles)
                front = FusedFront(source, stages, dtype)
                return Programs(prepare, front.to(device), trunk)
        else:
            source, stages = FrameSource(network, frames), _frame_stages(network)
        head = RgbaHead(network.layout().head, dtype)
        block, residuals = stages[-1]
        assert isinstance(block, UpsamplingBlock)
        first = prepare is None
        count = bands or band_count(block, size, dtype)
        if count == 1:
            whole = _Picture(source, AlignedTrunk(stages, dtype, first=first), head)
            return Programs(prepare, whole.to(device))
        body = _Front(source, AlignedTrunk(stages[:-1], dtype, first=first)).to(device)
        last = _Rest(AlignedTrunk(stages[-1:], dtype), head).to(device)
        plan = plan_bands(
            size[0] // block.stride, block.stride, rows_beyond(block, len(residuals)), count
        )
        return Programs(prepare, body, BandedTrunk(last, plan, size[1]))


def _fused_trunk(
    network: NeRV360,
    stages: Stages,
    projected: tuple[int, int],
    dtype: torch.dtype,
    bands: int | None,
    tiles: KeptFile | None,
) -> FusedTrunk:
    from model.decoding.triton.trunk import FusedTrunk

    blocks = [(block, rest) for block, rest in stages if isinstance(block, UpsamplingBlock)]
    return FusedTrunk(blocks, network.head, projected, dtype, bands, tiles)


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


class ViewportSource(nn.Module):
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
        x = sample_bilinear(features, viewport_grid(look, self.size, padded)[0])
        if self.expansion is not None:
            x = self.expansion(x, time_condition)
        return x, torch.cat([time_condition, *self.network.look_conditions(look)], -1)


class FrameSource(nn.Module):
    """A frame's embedding, by its index, and what `HNeRVBoost` is conditioned on."""

    def __init__(self, network: Architecture, frames: _Frames) -> None:
        super().__init__()
        self.frames = frames
        self.time = _Time(network) if isinstance(network, HNeRVBoost) else None

    def forward(self, index: Tensor) -> tuple[Tensor, ...]:
        """1×d×h×w, and the float32 1×c embedding of time."""
        embedding, time = self.frames(index)
        return (embedding, self.time(time)) if self.time is not None else (embedding,)


class _Picture(nn.Module):
    """A decoder in one program."""

    def __init__(self, source: nn.Module, trunk: AlignedTrunk, head: RgbaHead) -> None:
        super().__init__()
        self.source, self.trunk, self.head = source, trunk, head

    def forward(self, *inputs: Tensor) -> Tensor:
        rgba: Tensor = self.head(self.trunk(*self.source(*inputs)))
        return rgba


class _Front(nn.Module):
    """All stages but the last; it passes on what that is conditioned on."""

    def __init__(self, source: nn.Module, body: AlignedTrunk) -> None:
        super().__init__()
        self.source, self.body = source, body

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x, *condition = self.source(*inputs)
        return (self.body(x, *condition), *condition)


class _Rest(nn.Module):
    """The last stage and the head."""

    def __init__(self, last: AlignedTrunk, head: RgbaHead) -> None:
        super().__init__()
        self.last, self.head = last, head

    def forward(self, *inputs: Tensor) -> Tensor:
        rgba: Tensor = self.head(self.last(*inputs))
        return rgba


class FusedFront(nn.Module):
    """What `FusedTrunk` takes, for one look; the second is not read where nothing is folded."""

    def __init__(self, source: nn.Module, stages: Stages, dtype: torch.dtype) -> None:
        super().__init__()
        self.source = source
        blocks = [block for _, residuals in stages for block in residuals]
        affines = [affine for block in blocks for affine in (block.affine1, block.affine2)]
        self.table = AffineTable(affines, dtype) if affines else None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        x, condition = self.source(*inputs)
        table = self.table.rows(condition) if self.table is not None else condition
        return x[0].permute(1, 2, 0).contiguous(), table


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


def _expansion(network: NeRV360, dtype: torch.dtype) -> AlignedTrunk:
    expansion = network.expansion
    return AlignedTrunk([(expansion.block, [expansion.residual])], dtype, first=True)


def _viewport_stages(network: NeRV360) -> Stages:
    stages = [stage for stage in network.stages if isinstance(stage, ViewportStage)]
    return [(stage.block, _blocks(stage.residuals)) for stage in stages]


def _frame_stages(network: Architecture) -> Stages:
    if isinstance(network, HNeRV):
        blocks = [block for block in network.stages if isinstance(block, UpsamplingBlock)]
        return [(network.stem, []), *((block, []) for block in blocks)]
    assert isinstance(network, HNeRVBoost)
    boosts = [stage for stage in network.stages if isinstance(stage, BoostStage)]
    return [
        (network.stem, [network.residual]),
        *((stage.block, _blocks(stage.residuals)) for stage in boosts),
    ]


def _blocks(residuals: nn.ModuleList) -> list[ConditionedBlock]:
    return [block for block in residuals if isinstance(block, ConditionedBlock)]
