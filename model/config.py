"""Configuration of a decoder, with all checks that do not depend on the architecture.

An architecture checks its own limits: see `nerv360.networks.registry.checked`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.text import quoted

ERP_PADDINGS = ("wrap", "zeros")
LOOK_ENCODINGS = ("paper", "periodic")
TIME_ENCODINGS = ("exact", "published")
MAX_SIDE = 16384
MAX_VIEWPORT = 2**25
MAX_WIDTH = 4096
_OPTIONAL = frozenset({"project_after", "time_encoding"})
"""Fields that scenes from before they existed lack; at their default they are not stored."""


@dataclass(frozen=True)
class ModelConfig:
    """Configuration of a decoder and its encoder; the defaults are the paper's (section 3.1).

    Attributes:
        architecture: name in `nerv360.networks.registry.ARCHITECTURES`.
        frame_height, frame_width: pixels of the equirectangular source, 1:2. Full-frame
            architectures also take plain video.
        encoder_strides: stride of each ConvNeXt stage of the encoder.
        encoder_channels: c1, the width of those stages.
        colour_skip: add the mean colour of each embedding pixel's patch, through a 1×1 convolution,
            to the embedding, so that training starts from a small picture of the frame.
        embedding_channels: d, channels of the per-frame embedding.
        level_channels: channels of a frame's finer embeddings, one entry per decoder stage except
            the last; 0 means none. Entry i is added to the output of stage i, at that output's
            scale. Empty in the paper.
        still_panorama: pictures have an alpha, which says how much they cover the scene's still
            panorama.
        comparison_cell: side in pixels of the squares in which a picture is compared with the still
            panorama.
        strides: stride of each upsampling stage of the decoder.
        kernels: kernel size of each upsampling stage.
        blocks: number of residual blocks of each upsampling stage.
        channels: c, the width before the first upsampling stage.
        reduction: r; each stage divides the width by it.
        min_width: smallest width of a stage.
        width_multiple: widths are rounded to a multiple of it.
        condition_channels: channels of each of the time, longitude and latitude embeddings.
        encoding_base: b of the positional encoding.
        encoding_levels: l of the positional encoding.
        time_encoding: ``exact`` computes the encoding of time in float64; ``published`` in float32,
            as the published HNeRV-Boost does, whose rounding differs between processors.
        look_encoding: ``paper`` encodes longitude and latitude like time; ``periodic`` takes sin
            and cos of their multiples, continuous across ±180°.
        look_levels: number of multiples of the periodic encoding.
        condition_on_look: STAT sees longitude and latitude (off: the paper's ablation).
        expand_before_projection: channels are expanded on the sphere (off: the paper's ablation).
        project_after: number of stages that run on the sphere, before the projection (0 in the
            paper). Their residual blocks see only the time. A full-frame decoder has 0, or all of
            its stages: then engines decode only the crop that a look sees.
        erp_padding: padding of convolutions on features of the whole sphere. ``wrap`` continues
            them across the seam and the poles; HNeRV and HNeRV-Boost were published with ``zeros``.
        viewport_height, viewport_width: pixels of the viewport that is trained and decoded.
        hfov_deg: horizontal field of view of that viewport.
        hfov_jitter: j; training draws the field of view from hfov·[1 − j, 1 + j], and decoding may
            then use that range (0 in the paper).
    """

    architecture: str = "nerv360"
    frame_height: int = 3072
    frame_width: int = 6144
    encoder_strides: tuple[int, ...] = (3, 2, 2, 2)
    encoder_channels: int = 64
    colour_skip: bool = False
    embedding_channels: int = 1
    level_channels: tuple[int, ...] = ()
    still_panorama: bool = False
    comparison_cell: int = 4
    strides: tuple[int, ...] = (3, 2, 2, 2)
    kernels: tuple[int, ...] = (1, 3, 3, 3)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    channels: int = 135
    reduction: float = 1.2
    min_width: int = 12
    width_multiple: int = 1
    condition_channels: int = 32
    encoding_base: float = 1.25
    encoding_levels: int = 80
    time_encoding: str = "exact"
    look_encoding: str = "paper"
    look_levels: int = 8
    condition_on_look: bool = True
    expand_before_projection: bool = True
    project_after: int = 0
    erp_padding: str = "wrap"
    viewport_height: int = 1080
    viewport_width: int = 1920
    hfov_deg: float = DEFAULT_HFOV_DEG
    hfov_jitter: float = 0.0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first stage and after each stage."""
        widths = [self._aligned(self.channels)]
        unaligned = self.channels
        for _ in self.strides:
            unaligned = max(self.min_width, round(unaligned / self.reduction))
            widths.append(self._aligned(unaligned))
        return tuple(widths)

    @property
    def scale(self) -> int:
        """Output pixels per embedding pixel along one side: the product of the strides."""
        return math.prod(self.strides)

    @property
    def embedding_size(self) -> tuple[int, int]:
        """Height and width of one frame's embedding."""
        factor = math.prod(self.encoder_strides)
        return self.frame_height // factor, self.frame_width // factor

    @property
    def level_stages(self) -> tuple[int, ...]:
        """Indices of the stages with a finer embedding, in order."""
        return tuple(stage for stage, channels in enumerate(self.level_channels) if channels)

    @property
    def level_scales(self) -> tuple[int, ...]:
        """Scale of each finer embedding relative to the coarsest, along one side."""
        return tuple(math.prod(self.strides[: stage + 1]) for stage in self.level_stages)

    @property
    def embedding_shapes(self) -> tuple[tuple[int, int, int], ...]:
        """Channels, height and width of each of a frame's embeddings, coarsest first."""
        height, width = self.embedding_size
        shapes = [(self.embedding_channels, height, width)]
        for stage, finer in zip(self.level_stages, self.level_scales, strict=True):
            shapes.append((self.level_channels[stage], height * finer, width * finer))
        return tuple(shapes)

    @property
    def viewport_embedding_size(self) -> tuple[int, int]:
        """Height and width of the embedding after projection to the viewport."""
        return self.viewport_height // self.scale, self.viewport_width // self.scale

    def replace(self, **changes: Any) -> ModelConfig:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, in declaration order, without new fields at their default."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
            if name not in _OPTIONAL or value != getattr(type(self), name)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Build a configuration from the result of `to_dict`.

        Raises:
            InputError: a field is unknown, missing, of the wrong type, or out of range.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(fields)):
            raise InputError(f"the configuration has the unknown field {quoted(unknown[0])}")
        if missing := [name for name in fields if name not in values and name not in _OPTIONAL]:
            raise InputError(f"the configuration lacks the field {missing[0]!r}")
        return cls(**{name: _coerce(name, value) for name, value in values.items()})

    def _aligned(self, width: int) -> int:
        multiple = self.width_multiple
        return max(multiple, round(width / multiple) * multiple)


def _coerce(name: str, value: Any) -> Any:
    default = getattr(ModelConfig, name)
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return tuple(value)
        raise InputError(f"the configuration's {name} must be a list of whole numbers")
    if isinstance(default, float) and type(value) in (int, float):
        return float(value)
    if type(value) is type(default):
        return value
    kind = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
    }
    raise InputError(
        f"the configuration's {name} must be {kind[type(default)]}, not {quoted(value)}"
    )


_RANGES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("frame_height", "frame_width", "viewport_height", "viewport_width"), (8, MAX_SIDE)
    ),
    **dict.fromkeys(
        ("encoder_channels", "channels", "min_width", "condition_channels"), (1, MAX_WIDTH)
    ),
    "embedding_channels": (1, 256),
    "width_multiple": (1, 64),
    "comparison_cell": (1, 64),
    "reduction": (1.0, 8.0),
    "encoding_base": (1.0, 4.0),
    "encoding_levels": (1, 256),
    "look_levels": (1, 64),
    "hfov_deg": (10.0, 150.0),
    "hfov_jitter": (0.0, 0.5),
}
_CHOICES = {
    "erp_padding": ERP_PADDINGS,
    "look_encoding": LOOK_ENCODINGS,
    "time_encoding": TIME_ENCODINGS,
}


def _check(config: ModelConfig) -> None:
    for name, choices in _CHOICES.items():
        value = getattr(config, name)
        _need(value in choices, f"{name} must be one of {', '.join(choices)}, not {quoted(value)}")
    for name, (low, high) in _RANGES.items():
        value = getattr(config, name)
        _need(
            low <= value <= high,
            f"{name} must be between {low:g} and {high:g}, not {quoted(value)}",
        )
    _need(
        config.viewport_height * config.viewport_width <= MAX_VIEWPORT,
        f"the viewport of {config.viewport_width}x{config.viewport_height} must have at most "
        f"{MAX_VIEWPORT} pixels; 7680x4320 has fewer",
    )
    _check_stages(config)
    _check_embeddings(config)


def _check_stages(config: ModelConfig) -> None:
    stages = len(config.strides)
    _need(1 <= stages <= 8, f"strides must name 1 to 8 stages, not {stages}")
    _need(
        0 <= config.project_after <= stages,
        f"project_after must be between 0 and {stages}, the number of stages, not "
        f"{quoted(config.project_after)}",
    )
    _need(
        len(config.kernels) == stages and len(config.blocks) == stages,
        f"kernels and blocks must have one entry for each of the {stages} strides",
    )
    _need(all(1 <= s <= 16 for s in config.strides), "every stride must be between 1 and 16")
    _need(all(k in (1, 3, 5, 7) for k in config.kernels), "every kernel must be 1, 3, 5 or 7")
    _need(all(0 <= b <= 8 for b in config.blocks), "blocks must be between 0 and 8 a stage")
    _need(
        not config.still_panorama or config.scale % config.comparison_cell == 0,
        f"comparison_cell must divide {config.scale}, the product of the strides, not "
        f"{config.comparison_cell}",
    )


def _check_embeddings(config: ModelConfig) -> None:
    _need(
        1 <= len(config.encoder_strides) <= 8 and all(1 <= s <= 16 for s in config.encoder_strides),
        "encoder_strides must be 1 to 8 numbers between 1 and 16",
    )
    factor, stages = math.prod(config.encoder_strides), len(config.strides)
    _need(
        len(config.level_channels) < stages and all(0 <= c <= 256 for c in config.level_channels),
        f"level_channels must be at most {stages - 1} numbers between 0 and 256, one for each "
        f"stage but the last",
    )
    scales = ", ".join(map(str, config.level_scales))
    _need(
        all(factor % scale == 0 for scale in config.level_scales),
        f"level_channels puts finer embeddings at {scales} times the coarsest resolution; each of "
        f"these must divide {factor}, the product of encoder_strides",
    )
    _need(
        config.frame_height % factor == 0 and config.frame_width % factor == 0,
        f"the frame of {config.frame_width}x{config.frame_height} must be divisible by "
        f"{factor}, the product of the encoder's strides",
    )


def _need(condition: bool, sentence: str) -> None:
    if not condition:
        raise InputError(sentence)


PAPER = ModelConfig()
"""NeRV360 as published (paper, section 3.1)."""
DEMO = ModelConfig(
    frame_height=1024,
    frame_width=2048,
    encoder_strides=(8,),
    encoder_channels=32,
    colour_skip=True,
    embedding_channels=3,
    strides=(2, 2, 2),
    kernels=(3, 3, 3),
    blocks=(1, 1, 0),
    channels=32,
    reduction=1.5,
    min_width=8,
    width_multiple=8,
    condition_on_look=False,
    viewport_height=432,
    viewport_width=768,
    hfov_jitter=0.15,
)
"""NeRV360 that CPUs train and decode in real time."""
