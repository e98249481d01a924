"""Generator of plans: turns a decoder's layout into passes."""

from __future__ import annotations

import math

from nerv360.networks import (
    BOUND,
    COMPARED_PANORAMA,
    MOST_MOTION,
    MOTION_LEVELS,
    STEEPNESS,
    THRESHOLD,
    Architecture,
    ColourHead,
    ConditionedBlock,
    SphereConv,
    Stage,
    build_decoder,
    motion_size,
)
from nerv360.scene import Decoder
from nerv360.shaders.bands import in_bands
from nerv360.shaders.conditions import Conditions
from nerv360.shaders.drawing import Drawing
from nerv360.shaders.features import Features, Weights
from nerv360.shaders.glsl import COLOUR, GELU, NONE, SINE, Constant, Layer, fixed_text
from nerv360.shaders.limits import Limits, need
from nerv360.shaders.plan import Crops, Kind, Moment, ShaderPlan

_PICTURE = "picture"


def shader_plan(
    decoder: Decoder, size: tuple[int, int] | None = None, limits: Limits | None = None
) -> ShaderPlan:
    """Build the plan of a decoder's pictures.

    Args:
        size: height and width of a viewport, multiples of the strides' product; by default the
            trained size. Full-frame decoders ignore it.
        limits: of the host; by default those that every WebGL 2 guarantees.

    Raises:
        LimitError: the decoder needs more.
    """
    network = build_decoder(decoder.config)
    network.load_state_dict(decoder.weights)
    network.eval().requires_grad_(False)
    return _Generator(network, decoder.frames, size, limits or Limits()).plan()


class _Generator:
    def __init__(
        self, network: Architecture, frames: int, size: tuple[int, int] | None, limits: Limits
    ) -> None:
        config = network.config
        self.network, self.config, self.limits = network, config, limits
        self.full = network.full_frame
        if self.full:
            self.size = (config.frame_height, config.frame_width)
        else:
            self.size = size or (config.viewport_height, config.viewport_width)
        self.drawing = Drawing(limits)
        self.conditions = Conditions(network, frames)
        self.layout = network.layout()

    def plan(self) -> ShaderPlan:
        drawing, config = self.drawing, self.config
        coarsest, *finer = config.embedding_shapes
        x = drawing.give("embedding", Kind.EMBEDDING, coarsest)
        self.levels = iter(
            [drawing.give(f"finer{k}", Kind.EMBEDDING, shape) for k, shape in enumerate(finer)]
        )
        early = config.expand_before_projection and not self.full
        before = 0 if self.full else config.project_after
        if before:
            height, width = self.size
            drawing.crops = Crops.of(config.replace(viewport_height=height, viewport_width=width))
            drawing.moment = Moment.CROP
            x = drawing.cut(x)
        if early:
            x = self._stage("stem", self.layout.stem, x, time_alone=True)
        stages = list(enumerate(self.layout.stages))
        for number, stage in stages[:before]:
            x = self._stage(f"stage{number}", stage, x, time_alone=True)
        self._check_crops()
        drawing.moment = Moment.BAND
        if not self.full:
            scale = math.prod(config.strides[before:])
            x = drawing.project("seen", x, (self.size[0] // scale, self.size[1] // scale))
        if not early:
            x = self._stage("stem", self.layout.stem, x, time_alone=True)
        for number, stage in stages[before:]:
            x = self._stage(f"stage{number}", stage, x, time_alone=self.full)
        drawing.make(_PICTURE, Kind.BYTES, self.size)
        self._head(self.layout.head, x)
        drawing.moment = Moment.PICTURE
        if self.network.coverage is not None:
            self._alpha()
        bands, maps = in_bands(drawing, self.size, config.scale, self.limits)
        return ShaderPlan(
            limits=self.limits,
            full_frame=self.full,
            size=self.size,
            picture=_PICTURE,
            maps=maps,
            programs=drawing.programs,
            passes=tuple(drawing.passes),
            bands=bands,
            weights=drawing.weights,
            conditions=self.conditions if self.conditions.vectors else None,
            crops=drawing.crops,
        )

    def _check_crops(self) -> None:
        """Raise `LimitError` if features of a crop take more than the memory for banded maps."""
        maps = [map_ for map_ in self.drawing.maps.values() if map_.kind is Kind.FEATURES]
        held = sum(map_.bytes for map_ in maps)
        if self.drawing.crops is not None:
            need("MiB of textures before the projection", held >> 20, self.limits.map_bytes >> 20)

    def _stage(self, name: str, stage: Stage, x: Features, *, time_alone: bool) -> Features:
        layer = _layer(stage.conv, SINE if stage.sine else GELU)
        x = self.drawing.layer(name, layer, (x, _weights(stage.conv)), stride=stage.stride)
        finer = None
        if stage.finer is not None:
            finer = next(self.levels), _weights(stage.finer)
        for number, block in enumerate(stage.residuals):
            last = number == len(stage.residuals) - 1
            x = self._residual(
                f"{name}.{number}", block, x, finer if last else None, time_alone=time_alone
            )
        if finer is not None and not stage.residuals:
            added = Layer(projected=not time_alone)
            x = self.drawing.layer(f"{name}.finer", added, None, base=x, finer=finer)
        return x

    def _residual(
        self, name: str, block: ConditionedBlock, x: Features,
        finer: tuple[Features, Weights] | None, *, time_alone: bool,
    ) -> Features:  # fmt: skip
        first = self.conditions.add(block.affine1, time_alone=time_alone)
        second = self.conditions.add(block.affine2, time_alone=time_alone)
        between = self.drawing.layer(
            f"{name}.between",
            _layer(block.conv1, GELU),
            (x, _weights(block.conv1)),
            affine=first,
        )
        return self.drawing.layer(
            name,
            _layer(block.conv2, projected=finer is not None and not time_alone),
            (between, _weights(block.conv2)),
            affine=second,
            base=x,
            finer=finer,
        )

    def _head(self, head: ColourHead, x: Features) -> None:
        layer = _layer(head.conv, COLOUR)
        self.drawing.layer(_PICTURE, layer, (x, _weights(head.conv)), kind=Kind.BYTES)

    def _alpha(self) -> None:
        drawing, config, coverage = self.drawing, self.config, self.network.coverage
        assert coverage is not None
        frame = (config.frame_height, config.frame_width)
        drawing.give("still", Kind.COLOURS, (3, *frame))
        drawing.give("motion", Kind.GREY, (1, *motion_size(*frame)))
        cell = coverage.cell
        cells = (self.size[0] // cell, self.size[1] // cell)
        sizes: dict[str, Constant] = {"SIZE": cells, "CELL": cell, "PANORAMA": COMPARED_PANORAMA}
        own = ("frame_cells.glsl",) if self.full else ("sphere.glsl", "viewport_cells.glsl")
        drawing.make("cells", Kind.FEATURES, cells)
        reads = {"picture": _PICTURE, "still": "still", "motion": "motion"}
        drawing.fixed("cells", fixed_text(sizes, *own), cells, reads)
        constants: dict[str, Constant] = {
            "SIZE": cells,
            "WRAPS": coverage.wrap,
            "STEEPNESS": STEEPNESS,
            "THRESHOLD": THRESHOLD,
            "BOUND": BOUND,
            "MOST_MOTION": MOST_MOTION,
            "MOTION_LEVELS": float(MOTION_LEVELS),
        }
        gate = fixed_text(constants, "activations.glsl", "sphere.glsl", "gate.glsl")
        learnt = tuple(
            float(number)
            for number in (
                coverage.sharpness,
                coverage.threshold,
                coverage.motion_sharpness,
                coverage.motion_threshold,
            )
        )
        drawing.make("gate", Kind.FEATURES, cells)
        drawing.fixed("gate", gate, cells, {"cells": "cells"}, learnt)
        cover = fixed_text({"SIZE": cells, "CELL": cell}, "cover.glsl")
        drawing.fixed(_PICTURE, cover, self.size, {"gate": "gate"}, alpha=True)


def _layer(conv: SphereConv, activation: str = NONE, *, projected: bool = False) -> Layer:
    return Layer(
        kernel=conv.kernel_size[0],
        wraps=conv.wrap,
        activation=activation,
        projected=projected,
    )


def _weights(conv: SphereConv) -> Weights:
    return Weights(conv.weight, conv.bias)
