"""Features and weights of passes, and where they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nerv360.shaders.glsl import FeatureReader


@dataclass(frozen=True)
class Features:
    """Features in one or two maps, as a layer reads them.

    Attributes:
        map: name of the first map; `more_of` returns the name of the second.
        channels: of each pixel.
        size: height and width after the pixel shuffle.
        stride: of the pixel shuffle that the reader does; 1 for none.
        split: layers of the first map; 0 if there is only one map.
        cut: the map is of the whole frame, and a crop of it is read.
    """

    map: str
    channels: int
    size: tuple[int, int]
    stride: int = 1
    split: int = 0
    cut: bool = False

    @property
    def reader(self) -> FeatureReader:
        """Description of the features for a program."""
        return FeatureReader(groups_of(self.channels), self.stride, self.split, self.cut)

    def reads(self, sampler: str) -> dict[str, str]:
        """Return the maps by sampler, for a program that reads them by ``sampler``."""
        more = {f"{sampler}_more": more_of(self.map)} if self.split else {}
        return {sampler: self.map, **more}

    def reaches(self, rows: int = 0) -> list[Reach]:
        """Return the reaches of a pass that reads ``rows`` more rows on either side."""
        return [Reach(map_, rows, self.stride) for map_ in self.reads("").values()]


@dataclass(frozen=True)
class Weights:
    """Weights of a convolution, out×in×k×k, and its bias, out; ``wraps`` as in `Layer`."""

    weight: Tensor
    bias: Tensor
    wraps: bool = False


@dataclass(frozen=True)
class Reach:
    """Rows of a map that a pass needs.

    Attributes:
        rows: number of rows beyond its own on either side, in pixels after the shuffle.
        stride: of the map's pixel shuffle.
    """

    map: str
    rows: int = 0
    stride: int = 1


def more_of(name: str) -> str:
    """Return the name of the second map of features that exceed one texture array."""
    return f"{name}.more"


def groups_of(channels: int) -> int:
    """Return the number of groups of four that hold this many channels."""
    return -(-channels // 4)
