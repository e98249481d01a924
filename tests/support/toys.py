"""Two architectures that the program does not have: a full-frame one and one of viewports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest
from torch import Tensor

from nerv360.config import DEMO, ModelConfig
from nerv360.geometry import pad_erp
from nerv360.networks import (
    ARCHITECTURES,
    Architecture,
    ColourHead,
    FrameCrop,
    Layout,
    Stage,
    UpsamplingBlock,
    project,
)
from tests.support.scenes import CONFIGS, TINY


class Toy(Architecture):
    """A sine and one stage, without a condition."""

    name, full_frame, suits_bfloat16 = "toy", True, True
    presets: ClassVar = {"demo": DEMO.replace(architecture=name)}

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.stem = UpsamplingBlock(config.embedding_channels, 8, 1, 1, wrap=True)
        self.stage = UpsamplingBlock(8, 8, config.scale, 3, wrap=self.full_frame)
        self.head = ColourHead(8, wrap=self.full_frame)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        picture: Tensor = self.head(self.stage(self.stem(features)))
        return picture

    def layout(self) -> Layout:
        return Layout(Stage.of(self.stem), (Stage.of(self.stage),), self.head)


class ToyViewport(Toy):
    """The same, projected between the two."""

    name, full_frame = "toy-viewport", False
    presets: ClassVar = {"demo": DEMO.replace(architecture=name)}

    def expand(
        self,
        embedding: Tensor,
        time: Tensor,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        return pad_erp(self.stem(embedding), 1)

    def decode(
        self,
        features: Tensor,
        time: Tensor,
        look: Tensor | None = None,
        finer: Sequence[Tensor] = (),
        crop: FrameCrop | None = None,
    ) -> Tensor:
        assert look is not None
        seen = project(features, look, self.config.viewport_embedding_size, crop)
        picture: Tensor = self.head(self.stage(seen))
        return picture


def added(kind: type[Toy], monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    """Yield a small configuration of a toy, which is in the table of architectures meanwhile.

    `tests.support.scenes` makes scenes of it.
    """
    config = TINY.replace(architecture=kind.name, colour_skip=True)
    monkeypatch.setitem(ARCHITECTURES, kind.name, kind)
    monkeypatch.setitem(CONFIGS, kind.name, config)
    return config
