"""Modules that compute the inputs of a picture's stages from a frame's inputs and a look."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.decoding.compiled.aligned import AlignedStages
from nerv360.geometry import erp_grid, pad_erp, viewport_angles
from nerv360.networks import Architecture


class StageInputs(NamedTuple):
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


class PrepareFrame(nn.Module):
    """`Architecture.expand` and the embedding of time, for the inputs of a frame."""

    def __init__(self, network: Architecture, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, config = network, network.config
        early = config.expand_before_projection and not config.project_after
        self.stem = _stem(network, dtype) if early else None
        self.before = levels_before(config)

    def forward(self, time: Tensor, embedding: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Return features, the embedding of time, the finer embeddings, and the motion map if any.

        Features are 1×c2×(h+2)×(w+2) channels-last; the finer embeddings and the motion map are
        widened the same way. The embedding of time is float32 1×c. The arguments are
        `Frames.inputs`. With stages before the projection there are no features (see
        `nerv360.decoding.compiled.crops`), and finer embeddings only of the stages after it.
        """
        finer, motion = _parted(others, covered=self.network.coverage is not None)
        condition = self.network.time_condition(time)
        if self.network.config.project_after:
            return condition, *map(_widened, (*finer[self.before :], *motion))
        if self.stem is not None:
            embedding = self.stem(embedding, condition)
        features, *beside = (_widened(each) for each in (embedding, *finer, *motion))
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
        after = math.prod(config.strides[config.project_after :])
        self.size = (picture[0] // after, picture[1] // after)
        late = not config.expand_before_projection
        self.stem = _stem(network, dtype) if late else None
        self.finer_sizes = tuple(
            (picture[0] * scale // config.scale, picture[1] * scale // config.scale)
            for scale in config.level_scales[levels_before(config) :]
        )
        self.cells: tuple[tuple[int, int], ...] = ()
        if compared is not None:
            cell = config.comparison_cell
            self.cells = ((picture[0] // cell, picture[1] // cell),)
            compared = compared.contiguous(memory_format=torch.channels_last)
        self.register_buffer("compared", compared)

    def forward(self, features: Tensor, time_condition: Tensor, *inputs: Tensor) -> StageInputs:
        """Return the inputs of the stages from the results of `PrepareFrame` and a look.

        With stages before the projection ``features`` and the input before the look are
        `CropGraphs.features` and `CropGraphs.crop`.
        """
        *beside, look = inputs
        if self.network.config.project_after:
            *beside, crop = beside
        # Computed once per size: finer embeddings and cells are often of one size.
        every = (self.size, *self.finer_sizes, *self.cells)
        angles = {size: viewport_angles(look, size) for size in every}

        def project(sphere: Tensor, size: tuple[int, int]) -> Tensor:
            grid = erp_grid(*angles[size], sphere.shape[-2] - 2, sphere.shape[-1] - 2)
            return sample_bilinear(sphere, grid[0])

        if self.network.config.project_after:
            x = self._in_crop(features, crop, *angles[self.size])
        else:
            x = project(features, self.size)
        if self.stem is not None:
            x = self.stem(x, time_condition)
        condition = torch.cat([time_condition, *self.network.look_conditions(look)], -1)
        sizes = zip(beside, self.finer_sizes, strict=False)  # motion follows, if there is any
        finer = tuple(project(each, size) for each, size in sizes)
        if self.compared is None:
            return StageInputs(x, condition, finer, None)
        still, motion = (project(each, *self.cells) for each in (self.compared, beside[-1]))
        return StageInputs(x, condition, finer, torch.cat([still, motion], 1))

    def _in_crop(self, pixels: Tensor, crop: Tensor, longitude: Tensor, latitude: Tensor) -> Tensor:
        """Sample features of a crop, pixels×c, bilinearly at angles 1×h×w; see `FrameCrop.grid`."""
        config = self.network.config
        scale = math.prod(config.strides[: config.project_after])
        rows, columns = (scale * side for side in config.embedding_size)
        left, top, width = (scale * place for place in crop[:3].unbind())
        x = (longitude[0] / (2 * math.pi) + 0.5) * columns - 0.5 - left
        y = (0.5 - latitude[0] / math.pi) * rows + 0.5 - top
        return _blended(pixels, torch.remainder(x, columns) + 1, y, width + 2)


class SeeFrame(nn.Module):
    """A whole frame, from its inputs."""

    compared: Tensor | None

    def __init__(
        self,
        network: Architecture,
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
        self.coverage = network.coverage
        self.network = network if conditioned else None
        self.register_buffer("compared", compared)

    def forward(self, time: Tensor, embedding: Tensor, *others: Tensor) -> StageInputs:
        """Return the inputs of the stages from `Frames.inputs`."""
        finer, motion = _parted(others, covered=self.coverage is not None)
        condition = None if self.network is None else self.network.time_condition(time)
        compared = self.compared
        if self.coverage is not None and compared is not None:
            cells = (compared.shape[-2], compared.shape[-1])
            compared = torch.cat([compared, self.coverage.frame_motion(motion[0], cells)], 1)
        return StageInputs(embedding, condition, finer, compared)


def _parted(
    others: tuple[Tensor, ...], *, covered: bool
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the finer embeddings, and the motion map if ``covered``, as two tuples.

    Motion is 1×1×h×w float32 in [0, 1]. ``others`` follow the embedding in `Frames.inputs`.
    """
    if not covered:
        return others, ()
    return others[:-1], (others[-1].float() / 255,)


def levels_before(config: ModelConfig) -> int:
    """Return the number of finer embeddings of stages before the projection."""
    return sum(stage < config.project_after for stage in config.level_stages)


def _widened(features: Tensor) -> Tensor:
    return pad_erp(features, 1).contiguous(memory_format=torch.channels_last)


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
    return _blended(pixels, x, y, width, height)


def _blended(
    pixels: Tensor, x: Tensor, y: Tensor, width: int | Tensor, height: int | None = None
) -> Tensor:
    """Blend the four pixels around places h×w, of a map that holds ``width`` pixels a row.

    Args:
        pixels: pixels×c.
        height: of the map; by default no place is on its last row or column.

    Returns:
        1×c×h×w, channels-last, of the pixels' type.
    """
    left, top = x.long(), y.long()
    if height is not None and isinstance(width, int):
        left, top = left.clamp(max=width - 2), top.clamp(max=height - 2)
    right_share = (x - left).float()[..., None]
    lower_share = (y - top).float()[..., None]
    # Bounded: what a replay reads beyond memory would end the use of the GPU.
    corner = (top * width + left).clamp(0, pixels.shape[0] - 2)
    below = (corner + width).clamp(max=pixels.shape[0] - 2)
    upper = torch.lerp(pixels[corner].float(), pixels[corner + 1].float(), right_share)
    lower = torch.lerp(pixels[below].float(), pixels[below + 1].float(), right_share)
    sampled = torch.lerp(upper, lower, lower_share).to(pixels.dtype)
    return sampled[None].permute(0, 3, 1, 2)
