"""Interface of an architecture: all that training, engines and scene files need of a decoder.

An architecture is a subclass of `Architecture` in its own module, and one line in the table of
`nerv360.networks.registry`. Other modules treat all architectures alike:

- Traits, presets and limits are class attributes and `Architecture.check`.
- Training and the eager engine call `expand` and `decode`.
- Engines that rearrange the network use `layout`: the stem, stages and head, which hold the
  weights. So do the initialisation of its colours and its receptive field.

A full-frame network runs the stem, the stages and the head in turn. A viewport network runs the
stem, widens its features by one pixel a side (`nerv360.geometry.pad_erp`), samples them at
`viewport_grid`, and continues with the stages; without ``expand_before_projection`` it samples the
embedding and then runs the stem. The stem's blocks see `time_condition`, the stages' blocks see
`condition`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks.coverage import Coverage
from nerv360.networks.frame_crop import (
    COMPARED_BESIDE,
    EDGE_BETWEEN,
    FrameCrop,
    seen_crop,
)
from nerv360.networks.layers import (
    ColourHead,
    ConditionedBlock,
    ConditionedStage,
    ConditionEmbedding,
    SphereConv,
    UpsamplingBlock,
    positional_encoding,
    published_encoding,
)


@dataclass(frozen=True)
class Stage:
    """One convolution, its activation and pixel shuffle, then residual blocks.

    Attributes:
        conv: c_in → c_out·stride² channels at the size of its input.
        stride: factor of the pixel shuffle; 1 for none.
        sine: the activation is a sine, as in SNeRV blocks; otherwise GELU, as in HNeRV.
        residuals: blocks of c_out → c_out channels at the shuffled size.
        finer: 1×1 convolution of the finer embedding added to the result; None without one.
    """

    conv: SphereConv
    stride: int
    sine: bool
    residuals: tuple[ConditionedBlock, ...] = ()
    finer: SphereConv | None = None

    @classmethod
    def of(
        cls,
        block: UpsamplingBlock,
        residuals: Iterable[nn.Module] = (),
        finer: SphereConv | None = None,
    ) -> Stage:
        """Build the stage of an upsampling block and its conditioned residual blocks."""
        blocks = tuple(cast(ConditionedBlock, residual) for residual in residuals)
        return cls(block.conv, block.stride, block.sine, blocks, finer)


@dataclass(frozen=True)
class Layout:
    """A network's layers from the embedding to the picture, sharing its parameters.

    Attributes:
        stem: channel expansion d → c at the embedding's size, stride 1.
        stages: one per stride of the configuration.
        head: ends in RGB.
    """

    stem: Stage
    stages: tuple[Stage, ...]
    head: ColourHead

    @property
    def reach(self) -> int:
        """Radius of a full-frame network's receptive field, in embedding pixels, rounded up."""
        scale = math.prod(stage.stride for stage in self.stages)
        return math.ceil(self.reach_of(len(self.stages)) + 1 / scale)

    def features_reach(self, project_after: int) -> int:
        """Return how many embedding pixels beyond a viewport its features on the sphere depend on.

        They come from the stem, the stages before the projection and bilinear samples.
        """
        scale = math.prod(stage.stride for stage in self.stages[:project_after])
        return EDGE_BETWEEN + math.ceil(self.reach_of(project_after) + 0.5 / scale)

    def margins(self, project_after: int) -> list[int]:
        """Return how many pixels at a crop's border are wrong before each stage on the sphere.

        They need not be computed any further. The unit is the embedding's pixel.
        """
        before = range(len(self.stages[:project_after]))
        return [math.floor(self.reach_of(stage)) for stage in before]

    def reach_from(self, stages: int) -> float:
        """Return the radius in embedding pixels of what comes after the first ``stages``.

        0 stages are none, not even the stem.
        """
        scale = math.prod(stage.stride for stage in self.stages)
        before = self.reach_of(stages) if stages else 0.0
        return self.reach_of(len(self.stages)) - before + 1 / scale

    def reach_of(self, stages: int) -> float:
        """Return the radius of the stem and the first ``stages``, in embedding pixels."""
        scale, pixels = 1, 0.0
        for stage in (self.stem, *self.stages[:stages]):
            pixels += (stage.conv.kernel_size[0] // 2) / scale
            scale *= stage.stride
            pixels += 2 * len(stage.residuals) / scale
        return pixels


class Architecture(nn.Module, ABC):
    """One decoder's network, built from a configuration.

    Attributes:
        name: as in configurations, scene files and command lines.
        full_frame: one decode yields the whole frame instead of a viewport.
        suits_bfloat16: CPUs may multiply its convolutions in bfloat16, for example because sines
            keep features within ±1.
        presets: configurations by the name of the family: ``paper``, ``demo``.
        coverage: alpha of its pictures over the still panorama; None without one.
    """

    name: ClassVar[str]
    full_frame: ClassVar[bool]
    suits_bfloat16: ClassVar[bool]
    presets: ClassVar[Mapping[str, ModelConfig]]

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.finer = FinerEmbeddings(config)
        self.coverage: Coverage | None = None
        if config.still_panorama:
            self.coverage = Coverage(config, full_frame=self.full_frame)

    @classmethod
    def check(cls, config: ModelConfig) -> None:
        """Raise an error if this architecture cannot be built from ``config``.

        Raises:
            InputError: the sizes do not fit the strides, or the frame is not 2:1.
        """
        if cls.full_frame:
            if config.project_after not in (0, len(config.strides)):
                raise InputError(
                    f"project_after must be 0 (decode whole frames) or {len(config.strides)} (the "
                    f"crop that a look sees) for {config.architecture}, not {config.project_after}"
                )
            if math.prod(config.encoder_strides) != config.scale:
                raise InputError(
                    "the encoder's and the decoder's strides must have the same product in a "
                    "full-frame decoder"
                )
            return
        on_sphere = config.expand_before_projection and config.erp_padding == "wrap"
        if config.project_after and not on_sphere:
            raise InputError(
                "with project_after above 0, erp_padding must be wrap and "
                "expand_before_projection true"
            )
        height, width = config.viewport_height, config.viewport_width
        if height % config.scale or width % config.scale:
            raise InputError(
                f"the viewport of {width}x{height} must be divisible by {config.scale}, the "
                f"product of the strides"
            )
        if config.frame_width != 2 * config.frame_height:
            raise InputError(
                f"an equirectangular frame is twice as wide as high, not "
                f"{config.frame_width}x{config.frame_height}"
            )

    def expand(
        self,
        embedding: Tensor,
        time: Tensor,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        """Compute the features for `decode` that all looks at a frame share.

        By default the embedding itself.

        Args:
            embedding: N×d×h×w, of the frame or of ``crop``.
            time: float64 N in [0, 1), frame index over frame count.
            finer, crop: as in `decode`. Features near the crop's border need not be computed.
        """
        return embedding

    @property
    def shows_frames(self) -> bool:
        """Whether engines decode whole frames, not what looks see of them."""
        return self.full_frame and not self.config.project_after

    def crop_of(self, look: Tensor) -> FrameCrop | None:
        """Return the crop to expand for a look, float64 1×4; None if all looks share one result."""
        return None

    def picture_crop(self, look: Tensor) -> FrameCrop | None:
        """Return the crop that a full-frame network must decode for a look; None for all of it."""
        return seen_crop(self.config, look, self.layout().reach + COMPARED_BESIDE)

    @abstractmethod
    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        """Decode pictures in [0, 1]: N×3×H×W viewports, or full frames.

        Args:
            features: result of `expand`.
            time: float64 N in [0, 1), or one value for all looks at a frame.
            look: float64 N×4 of yaw, pitch, roll and horizontal field of view in radians;
                full-frame decoders ignore it.
            finer: the frame's finer embeddings, coarser ones first: ``embedding_shapes`` without
                its first entry.
            crop: the part of the frame that ``features`` and ``finer`` are of; None for all of it.
                Full-frame decoders ignore it.

        Raises:
            ValueError: a viewport is decoded without a look, or the number of finer embeddings is
                wrong.
        """

    @abstractmethod
    def layout(self) -> Layout:
        """Return the layers of this network."""

    def time_condition(self, time: Tensor) -> Tensor:
        """Embed float64 times N in [0, 1) as float32 N×c; c is 0 without time conditioning."""
        return torch.zeros(time.shape[0], 0, device=next(self.parameters()).device)

    def look_conditions(self, look: Tensor) -> list[Tensor]:
        """Return float32 N×c embeddings of looks, float64 N×4, for the stages; by default none."""
        return []

    def condition(self, time: Tensor, look: Tensor) -> Tensor:
        """Return the float32 N×c condition of the stages' residual blocks."""
        return torch.cat([self.time_condition(time), *self.look_conditions(look)], -1)

    def forward(
        self,
        embedding: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
    ) -> Tensor:
        """Expand and decode."""
        crop = None if look is None else self.crop_of(look)
        if crop is not None:
            embedding, finer = crop.cut(embedding), [crop.cut(level) for level in finer]
        return self.decode(self.expand(embedding, time, finer, crop), time, look, finer, crop)


class FinerEmbeddings(nn.Module):
    """1×1 convolutions that add finer embeddings to the results of stages."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.added = nn.ModuleDict(
            {
                str(stage): SphereConv(
                    config.level_channels[stage], config.widths[stage + 1], 1, wrap=False
                )
                for stage in config.level_stages
            }
        )

    def after(self, stage: int) -> SphereConv | None:
        """Return the convolution after the stage with this index, or None."""
        key = str(stage)
        return cast(SphereConv, self.added[key]) if key in self.added else None

    def add(self, stage: int, x: Tensor, levels: Mapping[int, Tensor]) -> Tensor:
        """Add the stage's finer embedding, if any, to its result N×c×h×w of the same size."""
        convolution = self.after(stage)
        return x if convolution is None else x + convolution(levels[stage])

    def matched(self, finer: Sequence[Tensor]) -> dict[int, Tensor]:
        """Map the index of each stage with a finer embedding to that embedding.

        Raises:
            ValueError: the number of embeddings is not the number of convolutions.
        """
        if len(finer) != len(self.added):
            raise ValueError(f"{len(self.added)} finer embeddings are needed, not {len(finer)}")
        return {int(key): level for key, level in zip(self.added, finer, strict=True)}


class TimeConditioned(Architecture):
    """Architecture whose residual blocks see the time (TAT; paper, section 2.3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.time_embedding = ConditionEmbedding(
            2 * config.encoding_levels, config.condition_channels
        )

    def time_condition(self, time: Tensor) -> Tensor:
        config = self.config
        encode = published_encoding if config.time_encoding == "published" else positional_encoding
        return self.time_embedding(encode(time, config.encoding_base, config.encoding_levels))


def conditioned_stages(
    config: ModelConfig, condition: int | Sequence[int], *, wrap: bool | Sequence[bool]
) -> nn.ModuleList:
    """Build a `ConditionedStage` for each stride of the configuration.

    Args:
        condition: channels of the condition, of all stages or of each.
        wrap: as in `SphereConv`, for all stages or for each.
    """
    count = len(config.strides)
    conditions = [condition] * count if isinstance(condition, int) else condition
    wraps = [wrap] * count if isinstance(wrap, bool) else wrap
    widths = zip(config.widths[:-1], config.widths[1:], strict=True)
    return nn.ModuleList(
        ConditionedStage(
            UpsamplingBlock(before, after, stride, kernel, wrap=around),
            [ConditionedBlock(after, channels, wrap=around) for _ in range(blocks)],
        )
        for (before, after), stride, kernel, blocks, channels, around in zip(
            widths, config.strides, config.kernels, config.blocks, conditions, wraps, strict=True
        )
    )


def laid_out(stages: nn.ModuleList, finer: FinerEmbeddings) -> tuple[Stage, ...]:
    """Return the stages of `conditioned_stages` for a layout."""
    typed = [cast(ConditionedStage, stage) for stage in stages]
    return tuple(
        Stage.of(stage.block, stage.residuals, finer.after(index))
        for index, stage in enumerate(typed)
    )
