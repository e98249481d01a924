"""Programs of the folded engine: from a frame's embeddings and a look to RGBA bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.decoding.alpha import StillAlpha, alpha_of
from nerv360.decoding.cropped_frames import CroppedFrames
from nerv360.decoding.folded.feature_crop import CropPlan, sampled_crop
from nerv360.decoding.folded.stage import FoldedStages
from nerv360.decoding.folded.stem import FoldedStem, widen
from nerv360.decoding.folded.tiled import TiledPicture
from nerv360.decoding.folded.tiled_sphere import TiledSphere, sampled, sampled_sphere
from nerv360.decoding.folded.tiles import TileMaps, Tiles, cut
from nerv360.decoding.grids import ViewportGrids
from nerv360.decoding.lowering import rgba_bytes, rgba_of, to_bytes_
from nerv360.decoding.memory_estimate import MOST_FEATURES
from nerv360.geometry import pad_erp, sample_padded, viewport_grid
from nerv360.networks import Architecture, FrameCrop, KeptCrop, Stage, project

Decoded = tuple[Tensor, float]
"""A picture, and the share of it that was decoded, 0 to 1."""


class FoldedProgram(Protocol):
    """One decoder's computation, operator by operator."""

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Decoded:
        """Compute contiguous height×width×4 uint8 of ``frame``, and the share that was decoded.

        Args:
            embedding: 1×d×h×w.
            finer: the frame's finer embeddings.
            time: float64 1.
            look: float64 1×4.
        """


def folded_program(
    network: Architecture, dtype: torch.dtype, alpha: StillAlpha | None, maps: TileMaps
) -> FoldedProgram:
    """Fold ``network``, its convolutions in ``dtype``.

    Args:
        alpha: of its pictures; None without a still panorama.
        maps: of its layers; programs of one configuration that take turns share them.
    """
    if network.full_frame:
        whole = FoldedFrame(network, dtype, alpha, maps)
        return whole if network.shows_frames else FoldedCrop(whole)
    if network.config.project_after:
        return FoldedSphere(network, dtype, alpha, maps)
    return FoldedViewport(network, dtype, alpha, maps)


class FoldedFrame:
    """Program of a full-frame decoder; it ignores looks."""

    def __init__(
        self,
        network: Architecture,
        dtype: torch.dtype,
        alpha: StillAlpha | None,
        maps: TileMaps,
    ) -> None:
        """Fold ``network``; see `folded_program`."""
        layout = network.layout()
        self.network, self.alpha = network, alpha
        stages = (layout.stem, *layout.stages)
        self.stages = FoldedStages(stages, layout.head, dtype)
        self.tiled = TiledPicture.of(self.stages, stages, layout.head, alpha, maps)
        config = network.config
        self._size = config.frame_height, config.frame_width

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Decoded:
        condition, motion = self.network.time_condition(time), None
        if self.tiled is not None:
            motion = self.tiled.motion(frame, self._size, _unsampled)
            plan = self.tiled.plan(motion)
            if plan is not None:
                return self.tiled(plan, embedding, condition, finer, cut, cut), plan.picture.share
        x = self.stages(embedding, condition, finer, _unsampled)
        return rgba_bytes(x, alpha_of(self.alpha, frame, _unsampled, motion)), 1.0

    def picture(self, embedding: Tensor, finer: Sequence[Tensor], time: Tensor) -> Tensor:
        """Return the picture 1×4×H×W, float32 in [0, 1], of embeddings of any size."""
        x = self.stages(embedding, self.network.time_condition(time), finer, _unsampled)
        return rgba_of(x).permute(2, 0, 1)[None]


class FoldedCrop:
    """Program of a full-frame decoder that decodes only what a look sees."""

    def __init__(self, whole: FoldedFrame) -> None:
        """Use the layers of ``whole``."""
        config = whole.network.config
        size = (config.viewport_height, config.viewport_width)
        self._crops = CroppedFrames(whole.network, size, whole.picture, whole.alpha)

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Decoded:
        return to_bytes_(self._crops(frame, embedding, finer, time, look)), 1.0


class FoldedViewport:
    """Program of a viewport decoder; the expanded part of a frame is reused for its next looks."""

    def __init__(
        self,
        network: Architecture,
        dtype: torch.dtype,
        alpha: StillAlpha | None,
        maps: TileMaps,
    ) -> None:
        """Fold ``network``; see `folded_program`."""
        self.grids, self.alpha = ViewportGrids(), alpha
        layout, config = network.layout(), network.config
        self.network, self.projected = network, config.viewport_embedding_size
        self.late = None if config.expand_before_projection else layout.stem
        self.stem: FoldedStem | None = None
        if self.late is None and FoldedStem.fits(layout.stem):
            self.stem = FoldedStem(layout.stem, config.embedding_size, dtype)
        self.plan = CropPlan(config.embedding_size)
        device = layout.head.conv.weight.device
        self._widened = [
            torch.empty(1, channels, height + 2, width + 2, device=device)
            for channels, height, width in config.embedding_shapes[1:]
        ]
        self._widened_of: int | None = None
        self.stages = FoldedStages(layout.stages, layout.head, dtype)
        self.tiled: TiledPicture | None = None
        if self.late is None:
            self.tiled = TiledPicture.of(self.stages, layout.stages, layout.head, alpha, maps)

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Decoded:
        height, width = embedding.shape[-2:]
        self.grids.turn(look)
        grid = viewport_grid(look, self.projected, (height + 2, width + 2))
        features = self._features(frame, embedding, time, grid)
        if self._widened_of != frame:
            self._widened_of = None  # an interruption leaves them half filled
            for each, padded in zip(finer, self._widened, strict=True):
                widen(each, padded)
            self._widened_of = frame
        condition, motion = self.network.condition(time, look), None
        if self.tiled is not None:
            size = self.network.config.viewport_height, self.network.config.viewport_width
            motion = self.tiled.motion(frame, size, self.grids.project)
            plan = self.tiled.plan(motion)
            if plan is not None:
                seen = partial(sampled, self.grids)
                x = self.tiled(plan, features, condition, self._widened, seen, seen)
                return x, plan.picture.share
        x = sample_padded(features, grid)
        if self.late is not None:
            x = _as_trained(self.late, x, self.network.time_condition(time))
        x = self.stages(x, condition, self._widened, self.grids.project)
        return rgba_bytes(x, alpha_of(self.alpha, frame, self.grids.project, motion)), 1.0

    def _features(self, frame: int, embedding: Tensor, time: Tensor, grid: Tensor) -> Tensor:
        """Return `Architecture.expand` of a frame, at least the part that ``grid`` samples."""
        if self.stem is None:
            return self.network.expand(embedding, time)
        missing = self.plan.missing(frame, sampled_crop(grid, self.network.config.embedding_size))
        if missing is not None:
            try:
                self.stem(embedding, self.network.time_condition(time), missing)
            except BaseException:
                self.plan.forget()
                raise
        return self.stem.features


class FoldedSphere:
    """Program of a viewport decoder whose first stages run on the sphere.

    They run in the crop that a look sees. Its features are kept for the next looks in it.
    """

    def __init__(
        self,
        network: Architecture,
        dtype: torch.dtype,
        alpha: StillAlpha | None,
        maps: TileMaps,
    ) -> None:
        """Fold ``network``; see `folded_program`."""
        layout, config = network.layout(), network.config
        first, last = layout.stages[: config.project_after], layout.stages[config.project_after :]
        self.network, self.alpha, self.grids = network, alpha, ViewportGrids()
        self.sphere = FoldedStages((layout.stem, *first), None, dtype)
        self.stages = FoldedStages(last, layout.head, dtype)
        self.tiled = TiledPicture.of(self.stages, last, layout.head, alpha, maps)
        before = (layout.stem, *first)
        self._tiled_sphere = TiledSphere(self.sphere, before, config.embedding_size, maps)
        if self._tiled_sphere.feature_bytes > MOST_FEATURES:
            self.tiled = None
        self._margins = layout.margins(config.project_after)
        self._levels = sum(stage.finer is not None for stage in first)
        scale = math.prod(config.strides[: config.project_after])
        height, width = config.viewport_embedding_size
        self._size = (scale * height, scale * width)
        self._kept = KeptCrop()
        self._features = torch.empty(0)
        self._finer: list[Tensor] = []

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Decoded:
        self.grids.turn(look)
        condition, motion = self.network.condition(time, look), None
        if self.tiled is not None:
            size = self.network.config.viewport_height, self.network.config.viewport_width
            motion = self.tiled.motion(frame, size, self.grids.project)
            plan = self.tiled.plan(motion)
            if plan is not None:
                before, after = _parted(finer, self._levels)
                after = [pad_erp(level, 1) for level in after]
                features = self._tiles(frame, embedding, before, time, plan.stages[0])
                seen, still = (partial(it, self.grids) for it in (sampled_sphere, sampled))
                x = self.tiled(plan, features, condition, after, seen, still)
                return x, plan.picture.share
        expand = partial(self._expand, frame, embedding, finer, time)
        crop = self._kept.covering(frame, self.network.crop_of(look), expand)

        def projected(features: Tensor, size: tuple[int, int]) -> Tensor:
            return project(features, look, size, crop)

        x = self.stages(projected(self._features, self._size), condition, self._finer, projected)
        return rgba_bytes(x, alpha_of(self.alpha, frame, self.grids.project, motion)), 1.0

    def _tiles(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, tiles: Tiles
    ) -> Tensor:
        """Return the features before the projection, at least those that ``tiles`` sample."""
        angles = self.grids.angles(tiles.size, tiles.at)
        condition = self.network.time_condition(time)
        return self._tiled_sphere(frame, embedding, condition, finer, angles)

    def _expand(
        self,
        frame: int,
        embedding: Tensor,
        finer: Sequence[Tensor],
        time: Tensor,
        crop: FrameCrop | None,
    ) -> FrameCrop | None:
        """Compute the features before the projection, and widen the levels that come after it."""
        within = (lambda level: level) if crop is None else crop.cut
        before, after = ([within(x) for x in part] for part in _parted(finer, self._levels))
        condition = self.network.time_condition(time)
        self._finer = [pad_erp(level, 1) for level in after]
        crops = [] if crop is None else [crop, *map(crop.inner, self._margins)]
        x = self.sphere(within(embedding), condition, before, _unsampled, crops)
        if crop is not None:
            x = crop.around(crops[-1], x)
        self._features = pad_erp(x.float(), 1).contiguous(memory_format=torch.channels_last)
        return crop


def _unsampled(features: Tensor, size: tuple[int, int]) -> Tensor:
    return features


def _parted(items: Sequence[Tensor], first: int) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    return items[:first], items[first:]


def _as_trained(stem: Stage, x: Tensor, condition: Tensor) -> Tensor:
    x = stem.conv(x)
    x = x.sin() if stem.sine else F.gelu(x)
    for block in stem.residuals:
        x = block(x, condition)
    return x
