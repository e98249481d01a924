"""Modules that compute the inputs of a picture's stages from a frame's index and a look."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerv360.decoding.compiled.aligned import AlignedStages
from nerv360.geometry import erp_grid, pad_erp, viewport_angles
from nerv360.networks import Architecture, frame_times
from nerv360.scene import Decoder


class Seen(NamedTuple):
    """Inputs of a picture's stages, for a whole frame or a look at it.

    Attributes:
        features: 1×c×h×w of the first stage, channels-last.
        condition: float32 1×e of the residual blocks; None without any.
        finer: finer embeddings, 1×c×h×w, in the order of the stages that add them.
        compared: colours of the still panorama and motion of the frame at the picture's cells:
            1×4×h×w float32 in [0, 1]; None without a still panorama.
    """

    features: Tensor
    condition: Tensor | None
    finer: tuple[Tensor, ...]
    compared: Tensor | None


class Frames(nn.Module):
    """Embeddings, time and motion of every frame, on the device."""

    times: Tensor
    motions: Tensor | None

    def __init__(self, decoder: Decoder, dtype: torch.dtype) -> None:
        super().__init__()
        embeddings = (decoder.embeddings, *decoder.finer)
        self.names = tuple(f"embeddings{number}" for number in range(len(embeddings)))
        for name, each in zip(self.names, embeddings, strict=True):
            self.register_buffer(name, each.to(dtype))
        self.register_buffer("times", frame_times(decoder.frames))
        still = decoder.still if decoder.config.still_panorama else None
        self.register_buffer("motions", None if still is None else still.motion[:, None])

    def motion(self, index: Tensor) -> Tensor | None:
        """Return a frame's motion map, 1×1×h×w float32 in [0, 1]; None without a still."""
        return None if self.motions is None else self.motions.index_select(0, index).float() / 255

    def forward(self, index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return a frame's embeddings, 1×d×h×w channels-last, coarsest first, and its time."""
        embeddings = [getattr(self, name).index_select(0, index) for name in self.names]
        layout = torch.channels_last
        return (
            tuple(each.contiguous(memory_format=layout) for each in embeddings),
            self.times.index_select(0, index),
        )


class PrepareFrame(nn.Module):
    """`Architecture.expand` and the embedding of time, for a frame's index."""

    def __init__(self, network: Architecture, frames: Frames, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.frames = network, frames
        early = network.config.expand_before_projection
        self.stem = _stem(network, dtype) if early else None

    def forward(self, index: Tensor) -> tuple[Tensor, ...]:
        """Return features, the embedding of time, the finer embeddings, and the motion map if any.

        Features are 1×c2×(h+2)×(w+2) channels-last; the finer embeddings and the motion map are
        widened the same way. The embedding of time is float32 1×c.
        """
        (embedding, *finer), time = self.frames(index)
        condition = self.network.time_condition(time)
        if self.stem is not None:
            embedding = self.stem(embedding, condition)
        motion = self.frames.motion(index)
        features, *beside = (
            pad_erp(each, 1).contiguous(memory_format=torch.channels_last)
            for each in (embedding, *finer, motion)
            if each is not None
        )
        return features, condition, *beside


class SeeViewport(nn.Module):
    """A frame seen by one look.

    Attributes:
        size: height and width of the features.
    """

    compared: Tensor | None

    def __init__(
        self,
        network: Architecture,
        picture: tuple[int, int],
        dtype: torch.dtype,
        compared: Tensor | None,
    ) -> None:
        """Create it for pictures of a height and width.

        Args:
            compared: argument of `Coverage.compared_viewports`, if there is a still panorama.
        """
        super().__init__()
        config = network.config
        self.network = network
        self.size = (picture[0] // config.scale, picture[1] // config.scale)
        late = not config.expand_before_projection
        self.stem = _stem(network, dtype) if late else None
        self.finer_sizes = tuple(
            (self.size[0] * scale, self.size[1] * scale) for scale in config.level_scales
        )
        self.cells: tuple[tuple[int, int], ...] = ()
        if compared is not None:
            cell = config.comparison_cell
            self.cells = ((picture[0] // cell, picture[1] // cell),)
            compared = compared.contiguous(memory_format=torch.channels_last)
        self.register_buffer("compared", compared)

    def forward(self, features: Tensor, time_condition: Tensor, *inputs: Tensor) -> Seen:
        """Return the inputs of the stages from the results of `PrepareFrame` and a look."""
        *beside, look = inputs
        # Computed once per size: finer embeddings and cells are often of one size.
        every = (self.size, *self.finer_sizes, *self.cells)
        angles = {size: viewport_angles(look, size) for size in every}

        def project(sphere: Tensor, size: tuple[int, int]) -> Tensor:
            grid = erp_grid(*angles[size], sphere.shape[-2] - 2, sphere.shape[-1] - 2)
            return sample_bilinear(sphere, grid[0])

        x = project(features, self.size)
        if self.stem is not None:
            x = self.stem(x, time_condition)
        condition = torch.cat([time_condition, *self.network.look_conditions(look)], -1)
        sizes = zip(beside, self.finer_sizes, strict=False)  # motion follows, if there is any
        finer = tuple(project(each, size) for each, size in sizes)
        if self.compared is None:
            return Seen(x, condition, finer, None)
        still, motion = (project(each, *self.cells) for each in (self.compared, beside[-1]))
        return Seen(x, condition, finer, torch.cat([still, motion], 1))


class SeeFrame(nn.Module):
    """A whole frame, by its index."""

    compared: Tensor | None

    def __init__(
        self,
        network: Architecture,
        frames: Frames,
        compared: Tensor | None,
        *,
        conditioned: bool,
    ) -> None:
        """Create it.

        Args:
            compared: result of `Coverage.compared_frame`, if there is a still panorama.
            conditioned: stem or stages see the embedding of time.
        """
        super().__init__()
        self.frames, self.coverage = frames, network.coverage
        self.network = network if conditioned else None
        self.register_buffer("compared", compared)

    def forward(self, index: Tensor) -> Seen:
        (embedding, *finer), time = self.frames(index)
        condition = None if self.network is None else self.network.time_condition(time)
        compared, motion = self.compared, self.frames.motion(index)
        if self.coverage is not None and compared is not None and motion is not None:
            cells = (compared.shape[-2], compared.shape[-1])
            compared = torch.cat([compared, self.coverage.frame_motion(motion, cells)], 1)
        return Seen(embedding, condition, tuple(finer), compared)


def _stem(network: Architecture, dtype: torch.dtype) -> AlignedStages:
    return AlignedStages([network.layout().stem], dtype, first=True)


def sample_bilinear(features: Tensor, grid: Tensor) -> Tensor:
    """Sample channels-last features like `grid_sample` (border, no aligned corners).

    For each point the channels of four pixels are gathered. Torch's kernels go channel by channel,
    which in channels-last touches as many cache lines for each channel.

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
