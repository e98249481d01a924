"""Plans: everything needed to decode pictures by drawing, as text, numbers and one array.

A host compiles the programs, keeps the maps as textures, uploads the weights to a buffer, and runs
the passes in order:

- Passes of `Moment.FRAME` run once per frame, passes of `Moment.CROP` once per crop of a frame
  (`Crops`), which may serve several looks, passes of `Moment.BAND` for every band of every
  picture, passes of `Moment.PICTURE` after the last band. With a full-frame decoder all pictures of
  a frame are the same.
- A pass covers its target with one triangle (``shaders/decoder/whole.vert``). Texture row 0 is the
  top of the picture.
- A program's text follows the host's version line and precisions; it is the same in GLSL 3.30 core
  and GLSL ES 3.00. All samplers are read only by `texelFetch` and need filter NEAREST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from nerv360.config import ModelConfig
from nerv360.geometry import Look
from nerv360.networks import FrameCrop, features_reach, largest_crop, look_crop
from nerv360.shaders.conditions import Conditions
from nerv360.shaders.limits import Limits

VERSION = 2
"""Version of the plan's format."""


class Moment(Enum):
    """Point in time when a pass is drawn."""

    FRAME = "frame"
    CROP = "crop"
    BAND = "band"
    PICTURE = "picture"


class Kind(Enum):
    """Kind of a map's texture.

    FEATURES is a texture array of half floats, four channels per layer; BYTES, the picture, a plain
    texture of four bytes per pixel. The host fills the others: EMBEDDING, a texture array of
    floats; COLOURS, a plain texture of bytes; GREY, one with only a red channel.
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
        height, width: of the texture; a banded map is as high as the highest band.
        layers: one per four channels.
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

    @property
    def bytes(self) -> int:
        """Bytes of a texture of features, whose texels are four half floats."""
        return 8 * self.height * self.width * self.layers


@dataclass(frozen=True)
class FragmentShader:
    """Text of a fragment shader, without version and precisions.

    Attributes:
        targets: number of its results.
        block: number of matrices in its uniform block ``Weights``; 0 without one.
        texture: it reads matrices from the sampler ``weights`` instead: a texture of float RGBA,
            `WEIGHTS_WIDTH` texels wide, four texels per matrix, in the order of
            `ShaderPlan.weights`.
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
        target: name of the map it writes.
        layer: first layer it writes; further results go to the following layers.
        alpha: it writes only the target's alpha.
        height, width: of the whole target; in a band only the band's rows are drawn, in a crop
            smaller than the largest one only its share of rows and columns.
        reads: names of maps by sampler.
        integers: constant uniforms by name.
        weights: index of its first matrix, a multiple of 4 (256 bytes, the largest alignment of
            uniform buffers); the uniform ``matrix`` if matrices come from a texture.
        affine: first vector and number of vectors from `Conditions` for its uniform ``affine``;
            None without one.
        learnt: value of its uniform vec4 ``learnt``; None without one.
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

    A banded map's texture begins with the first of its rows. For each map that a pass reads, the
    uniform ``NAME_first`` of its sampler NAME is that row; for maps that are not banded it is 0.
    The uniform ``first`` is that row of a banded target. The picture is drawn at its own rows, with
    ``first`` 0.
    """

    rows: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Crops:
    """Crops of the frame that looks see, for passes of `Moment.CROP`.

    Such passes draw into the upper left corner of their targets. All programs that read those get
    the crop as their uniform ivec4 ``crop``: left, top, width and height, in pixels of the coarsest
    embedding.

    Attributes:
        config: of the network, with the viewport's size.
        margin: pixels of the embedding around those that are sampled.
        height, width: of the largest crop.
    """

    config: ModelConfig
    margin: int
    height: int
    width: int

    @classmethod
    def of(cls, config: ModelConfig) -> Crops:
        """Find the crops of a network with stages before the projection."""
        margin = features_reach(config)
        return cls(config, margin, *largest_crop(config, margin))

    def seen(self, look: Look) -> FrameCrop:
        """Return the crop that a look sees."""
        return look_crop(self.config, look, self.margin)

    def to_json(self) -> dict[str, int]:
        """Describe them for a host that finds them as `look_crop` does."""
        rows, columns = self.config.embedding_size
        return {
            "rows": rows,
            "columns": columns,
            "margin": self.margin,
            "height": self.height,
            "width": self.width,
        }


@dataclass(frozen=True)
class ShaderPlan:
    """A decoder as passes.

    Attributes:
        full_frame: its pictures are whole frames. Otherwise programs with the uniforms ``look``
            (columns right, up and forward in the world) and ``half_extent`` (tangents of half the
            fields of view) get the viewport's.
        size: height and width of its pictures.
        picture: name of the map with the result: RGBA, not premultiplied, 255 where no still
            panorama shows through.
        weights: matrices n×4×4 float32, column by column: column k is the contribution of input
            channel k to four outputs.
        conditions: the affines of its residual blocks; None without any.
        crops: of the frame, if passes are drawn in them.
    """

    limits: Limits
    full_frame: bool
    size: tuple[int, int]
    picture: str
    maps: Mapping[str, Map]
    programs: tuple[FragmentShader, ...]
    passes: tuple[Pass, ...]
    bands: tuple[Band, ...]
    weights: npt.NDArray[np.float32]
    conditions: Conditions | None
    crops: Crops | None = None

    def to_json(self, *, half: bool = False) -> tuple[dict[str, Any], bytes]:
        """Return plain JSON values, and the arrays they refer to, little-endian.

        An array is ``{"type", "shape", "offset"}``, the offset in bytes; offsets are multiples of
        4.

        Args:
            half: store weights and heads in float16; textures round features the same way.
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
            "crops": self.crops and self.crops.to_json(),
            "conditions": self.conditions and self.conditions.to_json(blob.add, half=half),
        }
        return plan, bytes(blob.content)


class Blob:
    """Arrays stored one after the other."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, values: npt.NDArray[np.float32], *, half: bool = False) -> dict[str, Any]:
        """Append ``values`` and return their description."""
        offset = len(self.content)
        self.content += values.astype("<f2" if half else "<f4").tobytes()
        self.content += bytes(-len(self.content) % 4)
        kind = "float16" if half else "float32"
        return {"type": kind, "shape": list(values.shape), "offset": offset}
