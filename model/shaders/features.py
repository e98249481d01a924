"""Features and weights that passes are made of, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from model.shaders.sources import Source


@dataclass(frozen=True)
class Features:
    """Features of a map, or of two, as a layer reads them.

    Attributes:
        map: name of the map; `more_of` it, that of the second one.
        channels: of each pixel.
        size: height and width, of pixels that are shuffled where ``stride`` is more than 1.
        stride: of a pixel shuffle that is left to whoever reads.
        split: layers of the first map; 0 where it has them all.
    """

    map: str
    channels: int
    size: tuple[int, int]
    stride: int = 1
    split: int = 0

    @property
    def source(self) -> Source:
        """As a program reads them."""
        return Source(groups_of(self.channels), self.stride, self.split)

    def reads(self, sampler: str) -> dict[str, str]:
        """Maps by sampler, of a program that reads them by ``sampler``."""
        more = {f"{sampler}_more": more_of(self.map)} if self.split else {}
        return {sampler: self.map, **more}

    def reaches(self, rows: int = 0) -> list[Reach]:
        """Of a pass that reads so many rows beyond its own."""
        return [Reach(map_, rows, self.stride) for map_ in self.reads("").values()]


@dataclass(frozen=True)
class Weights:
    """A convolution's: out×in×k×k, and the bias, out; with what `Layer` says of it."""

    weight: Tensor
    bias: Tensor
    wraps: bool = False


@dataclass(frozen=True)
class Reach:
    """Need of a pass for a map: rows beyond its own on either side, at the pixels' size; and the
    stride from which those come.
    """

    map: str
    rows: int = 0
    stride: int = 1


def more_of(name: str) -> str:
    """Name of the second map of features that one texture array cannot hold."""
    return f"{name}.more"


def groups_of(channels: int) -> int:
    """Groups of four that hold so many channels."""
    return -(-channels // 4)
