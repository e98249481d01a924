"""Plans: all that it takes to decode pictures by drawing, as text, numbers and one array.

A host compiles the programs, keeps the maps as textures, puts the weights into a buffer, and runs
the passes in their order:

- Passes of `Moment.FRAME` once for a frame, those of `Moment.BAND` for every band of every picture,
  those of `Moment.PICTURE` after the last band. In a full-frame decoder no picture differs from
  another of its frame.
- A pass covers its target with one triangle (``shaders/decoder/whole.vert``). Texture row 0 is the
  top of the picture.
- A program's text follows the host's version line and precisions; it is the same in GLSL 3.30 core
  and GLSL ES 3.00. All samplers read by `texelFetch` alone, and need filter NEAREST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from model.shaders.conditions import Conditions
from model.shaders.limits import Limits

VERSION = 1
"""Of the plan's own form, for hosts that were written for another."""


class Moment(Enum):
    """When a pass is drawn."""

    FRAME = "frame"
    BAND = "band"
    PICTURE = "picture"


class Kind(Enum):
    """Texture that a map lies in.

    FEATURES is a texture array of half floats, four channels a layer, BYTES a plain texture of
    four bytes a pixel: the picture. What the host gives: EMBEDDING, a texture array of floats,
    COLOURS a plain texture of bytes, and GREY one of its red channel alone.
    """

    FEATURES = "features"
    BYTES = "bytes"
    EMBEDDING = "embedding"
    COLOURS = "colours"
    GREY = "grey"


@dataclass(frozen=True)
class Map:
    """Numbers for each pixel, in one texture.

    Attributes:
        height, width: of the texture; in bands, of the highest of them.
        layers: one for every four channels.
        banded: it holds one band at a time.
        given: the host fills it: ``embedding`` and ``finer0``, ``finer1`` … of the frame, the
            ``still`` panorama, and the frame's ``motion`` over it.
    """

    name: str
    kind: Kind
    height: int
    width: int
    layers: int = 1
    banded: bool = False
    given: bool = False


@dataclass(frozen=True)
class Program:
    """Text of a fragment shader, without version and precisions.

    Attributes:
        targets: number of its results.
        block: number of matrices in its uniform block ``Weights``; 0 without one.
        texture: it reads matrices from the sampler ``weights`` instead: a texture of float RGBA,
            `WEIGHTS_WIDTH` texels wide, four texels a matrix, in the order of `ShaderPlan.weights`.
    """

    source: str
    targets: int
    block: int = 0
    texture: bool = False


WEIGHTS_WIDTH = 1024
"""Texels in a row of the texture of weights: 256 matrices."""


@dataclass(frozen=True)
class Pass:
    """One drawing.

    Attributes:
        program: index of its program.
        moment: when it is drawn.
        target: map that it writes.
        layer: first layer of that; its results go to this and the following ones.
        alpha: it writes the target's alpha alone.
        height, width: of the whole target; in a band only its rows are drawn.
        reads: maps by sampler.
        integers: uniforms by name that never change.
        weights: the first of its matrices, a multiple of 4 (256 bytes: no uniform buffer asks for
            more); uniform ``matrix`` where they come from a texture.
        affine: first vector, and number of them, of what its uniform ``affine`` takes from
            `Conditions`; None without one.
        learnt: what its uniform vec4 ``learnt`` is; None without one.
    """

    program: int
    moment: Moment
    target: str
    layer: int
    height: int
    width: int
    reads: Mapping[str, str]
    integers: Mapping[str, int]
    weights: int = 0
    affine: tuple[int, int] | None = None
    learnt: tuple[float, ...] | None = None
    alpha: bool = False


@dataclass(frozen=True)
class Band:
    """Rows of every banded map, and of the picture, that are drawn together.

    A banded map's texture begins with the first of them: for each map that a pass reads, the
    uniform ``NAME_first`` of its sampler NAME is that row, 0 of maps that are not banded. So is the
    uniform ``first`` of a banded target; into the picture one draws at its own rows, ``first`` 0.
    """

    rows: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class ShaderPlan:
    """A decoder as passes.

    Attributes:
        full_frame: its pictures are whole frames; otherwise the uniforms ``look``, columns right,
            up and forward in the world, and ``half_extent``, tangents of half the fields of view,
            are the viewport's, in every program that has them.
        size: height and width of its pictures.
        picture: name of the map that they end in: RGBA, not premultiplied, 255 where no still
            panorama shows through.
        weights: matrices n×4×4 float32, column after column: column k is what input channel k
            adds to four outputs.
        conditions: the affines of its residual blocks; None where it has none.
    """

    limits: Limits
    full_frame: bool
    size: tuple[int, int]
    picture: str
    maps: Mapping[str, Map]
    programs: tuple[Program, ...]
    passes: tuple[Pass, ...]
    bands: tuple[Band, ...]
    weights: npt.NDArray[np.float32]
    conditions: Conditions | None

    def to_json(self, *, half: bool = False) -> tuple[dict[str, Any], bytes]:
        """Plain JSON values, and the numbers that they refer to, little-endian.

        An array is ``{"type", "shape", "offset"}``, the offset in bytes; offsets are multiples
        of 4.

        Args:
            half: weights and heads in float16, which rounds them as textures round features.
        """
        blob = Blob()
        plan = {
            "version": VERSION,
            "full_frame": self.full_frame,
            "size": list(self.size),
            "picture": self.picture,
            "limits": asdict(self.limits),
            "maps": [{**asdict(map_), "kind": map_.kind.value} for map_ in self.maps.values()],
            "programs": [asdict(program) for program in self.programs],
            "passes": [{**asdict(each), "moment": each.moment.value} for each in self.passes],
            "bands": [{n: list(rows) for n, rows in band.rows.items()} for band in self.bands],
            "weights_width": WEIGHTS_WIDTH,
            "weights": blob.add(self.weights, half=half),
            "conditions": self.conditions and self.conditions.to_json(blob.add, half=half),
        }
        return plan, bytes(blob.content)


class Blob:
    """Arrays one after the other."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, values: npt.NDArray[np.float32], *, half: bool = False) -> dict[str, Any]:
        """Put ``values`` at the end, and say where they are."""
        offset = len(self.content)
        self.content += values.astype("<f2" if half else "<f4").tobytes()
        self.content += bytes(-len(self.content) % 4)
        kind = "float16" if half else "float32"
        return {"type": kind, "shape": list(values.shape), "offset": offset}
