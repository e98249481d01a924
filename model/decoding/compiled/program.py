"""Programs of a decoder: pure functions from small inputs to an RGBA picture.

They run on any device. `CompiledEngine` compiles and captures them; tests run them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.decoding.compiled.aligned import AlignedHead, AlignedStages, affine_table
from model.decoding.compiled.band import band_count, plan_bands, rows_beyond
from model.decoding.compiled.runner import BandRunner, Runner, RunnerMaker
from model.decoding.lowering import affines_of
from model.geometry import pad_erp, viewport_grid
from model.networks import Architecture, Stage, build_decoder, frame_times
from model.scene import Decoder


@dataclass(frozen=True)
class Programs:
    """Programs of one decoder.

    Attributes:
        prepare: from a frame's index, int64 of shape 1, to what depends on the frame alone.
            Nothing in a full-frame decoder, of which everything does.
        picture: from what ``prepare`` returned and a look, float64 1×4 (yaw, pitch, roll and
            horizontal field of view in radians), or from the index where there is no ``prepare``,
            to contiguous height×width×4 uint8; with a runner to its inputs.
        runner: does the rest, where that is more than one program.
    """

    prepare: nn.Module | None
    picture: nn.Module
    runner: Runner | None = None


def build_programs(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    dtype: torch.dtype,
    *,
    bands: int | None = None,
    make_runner: RunnerMaker | None = None,
) -> Programs:
    """The programs of ``decoder`` for pictures of ``size``, its convolutions in ``dtype``.

    Args:
        bands: in which the last stage runs; by its size unless given.
        make_runner: makes what computes a viewport's stages and head in place of programs.

    Raises:
        RuntimeError: the runner is not for such pictures.
    """
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    network.to(device).eval().requires_grad_(False)
    frames = _Frames(decoder.embeddings, dtype).to(device)
    layout = network.layout()
    prepare: nn.Module | None = None
    with torch.no_grad():
        if network.full_frame:
            stages: Sequence[Stage] = (layout.stem, *layout.stages)
            source: nn.Module = FrameSource(network, frames, conditioned=bool(affines_of(stages)))
        else:
            stages, scale = layout.stages, decoder.config.scale
            projected = (size[0] // scale, size[1] // scale)
            prepare = PrepareFrame(network, frames, dtype)
            source = ViewportSource(network, projected, dtype)
            if make_runner is not None:
                runner = make_runner(stages, layout.head, projected, dtype)
                return Programs(prepare, RunnerSource(source, stages, dtype).to(device), runner)
        head = AlignedHead(layout.head, dtype)
        first, last = prepare is None, stages[-1]
        count = bands or band_count(last, size, dtype)
        if count == 1:
            whole = _Picture(source, AlignedStages(stages, dtype, first=first), head)
            return Programs(prepare, whole.to(device))
        front = _Front(source, AlignedStages(stages[:-1], dtype, first=first)).to(device)
        rest = _Rest(AlignedStages(stages[-1:], dtype), head).to(device)
        plan = plan_bands(size[0] // last.stride, last.stride, rows_beyond(last), count)
        return Programs(prepare, front, BandRunner(rest, plan, size[1]))


class PrepareFrame(nn.Module):
    """`Architecture.expand` and the embedding of time, for a frame's index."""

    def __init__(self, network: Architecture, frames: _Frames, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.frames = network, frames
        early = network.config.expand_before_projection
        self.expansion = _expansion(network, dtype) if early else None

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """1×c2×(h+2)×(w+2) channels-last features, and the float32 1×c embedding of time."""
        embedding, time = self.frames(index)
        condition = self.network.time_condition(time)
        if self.expansion is not None:
            embedding = self.expansion(embedding, condition)
        features = pad_erp(embedding, 1).contiguous(memory_format=torch.channels_last)
        return features, condition


class ViewportSource(nn.Module):
    """Features that one look sees of a frame, and the condition of the stages."""

    def __init__(self, network: Architecture, size: tuple[int, int], dtype: torch.dtype) -> None:
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
    """A frame's embedding, by its index, and the condition of stem and stages if they have one."""

    def __init__(self, network: Architecture, frames: _Frames, *, conditioned: bool) -> None:
        super().__init__()
        self.frames = frames
        self.network = network if conditioned else None

    def forward(self, index: Tensor) -> tuple[Tensor, ...]:
        """1×d×h×w, and the float32 1×c embedding of time."""
        embedding, time = self.frames(index)
        if self.network is None:
            return (embedding,)
        return embedding, self.network.time_condition(time)


class RunnerSource(nn.Module):
    """Inputs of a runner that a `RunnerMaker` made, for one look."""

    def __init__(self, source: nn.Module, stages: Sequence[Stage], dtype: torch.dtype) -> None:
        super().__init__()
        self.source = source
        self.table = affine_table(stages, dtype)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        x, condition = self.source(*inputs)
        table = self.table.scales_and_shifts(condition) if self.table is not None else condition
        return x[0].permute(1, 2, 0).contiguous(), table


class _Picture(nn.Module):
    """A decoder in one program."""

    def __init__(self, source: nn.Module, stages: AlignedStages, head: AlignedHead) -> None:
        super().__init__()
        self.source, self.stages, self.head = source, stages, head

    def forward(self, *inputs: Tensor) -> Tensor:
        rgba: Tensor = self.head(self.stages(*self.source(*inputs)))
        return rgba


class _Front(nn.Module):
    """All stages but the last; it passes on the condition of that."""

    def __init__(self, source: nn.Module, stages: AlignedStages) -> None:
        super().__init__()
        self.source, self.stages = source, stages

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x, *condition = self.source(*inputs)
        return (self.stages(x, *condition), *condition)


class _Rest(nn.Module):
    """The last stage and the head."""

    def __init__(self, last: AlignedStages, head: AlignedHead) -> None:
        super().__init__()
        self.last, self.head = last, head

    def forward(self, *inputs: Tensor) -> Tensor:
        rgba: Tensor = self.head(self.last(*inputs))
        return rgba


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


def _expansion(network: Architecture, dtype: torch.dtype) -> AlignedStages:
    return AlignedStages([network.layout().stem], dtype, first=True)


def sample_bilinear(features: Tensor, grid: Tensor) -> Tensor:
    """`torch.nn.functional.grid_sample` (border, no aligned corners) of channels-last features.

    The channels of four pixels are gathered for each point. torch's own kernels take channel after
    channel, which in channels-last touches as many lines of cache.

    Args:
        features: 1×c×H×W.
        grid: float64 h×w×2 in [−1, 1].

    Returns:
        1×c×h×w, channels-last, of the features' type.
    """
    _, channels, height, width = features.shape
    pixels = features.permute(0, 2, 3, 1).reshape(height * width, channels)
    x = (((grid[..., 0] + 1) * width - 1) / 2).clamp(0, width - 1)
    y = (((grid[..., 1] + 1) * height - 1) / 2).clamp(0, height - 1)
    left, top = x.long().clamp(max=width - 2), y.long().clamp(max=height - 2)
    right_share = (x - left).float()[..., None]
    lower_share = (y - top).float()[..., None]
    corner = top * width + left
    upper = torch.lerp(pixels[corner].float(), pixels[corner + 1].float(), right_share)
    below = corner + width
    lower = torch.lerp(pixels[below].float(), pixels[below + 1].float(), right_share)
    sampled = torch.lerp(upper, lower, lower_share).to(features.dtype)
    return sampled[None].permute(0, 3, 1, 2)
