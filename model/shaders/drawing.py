"""Builder of a plan's passes: the features that layers read and the passes that compute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from nerv360.shaders.features import Features, Reach, Weights, groups_of, more_of
from nerv360.shaders.glsl import Layer, projection_text
from nerv360.shaders.limits import Limits, need
from nerv360.shaders.plan import Crops, FragmentShader, Kind, Map, Moment, Pass

_ALIGNED = 4
_SPARE_VECTORS = 16
"""Uniforms of a program besides its affine."""


@dataclass
class Drawing:
    """Maps, programs and passes so far.

    Attributes:
        moment: moment of the next passes.
        crops: for passes of `Moment.CROP`.
        reaches: for each pass, the rows it needs of its sources.
    """

    limits: Limits
    moment: Moment = Moment.FRAME
    crops: Crops | None = None
    maps: dict[str, Map] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    reaches: list[tuple[Reach, ...]] = field(default_factory=list)
    _programs: dict[FragmentShader, int] = field(default_factory=dict)
    _matrices: list[npt.NDArray[np.float32]] = field(default_factory=list)
    _count: int = 0

    @property
    def programs(self) -> tuple[FragmentShader, ...]:
        """Each program once."""
        return tuple(self._programs)

    @property
    def weights(self) -> npt.NDArray[np.float32]:
        """All matrices, n×4×4."""
        return np.concatenate([np.zeros((0, 4, 4), np.float32), *self._matrices])

    def give(self, name: str, kind: Kind, shape: tuple[int, int, int]) -> Features:
        """Add a map that the host fills, with the shape channels, height and width."""
        channels, height, width = shape
        layers = groups_of(channels) if kind is Kind.EMBEDDING else 1
        self.maps[name] = self._checked(Map(name, kind, height, width, layers, given=True))
        return Features(name, channels, (height, width))

    def make(self, name: str, kind: Kind, size: tuple[int, int], layers: int = 1) -> int:
        """Add a map that passes of this moment write, or two if its layers exceed a texture array.

        Returns:
            `Features.split`.
        """
        banded = self.moment is Moment.BAND and kind is Kind.FEATURES
        most = self.limits.layers
        need("layers in two textures", layers, 2 * most)
        for each, count in ((name, min(layers, most)), (more_of(name), layers - most)):
            if count > 0:
                self.maps[each] = self._checked(Map(each, kind, *size, count, banded=banded))
        return most if layers > most else 0

    def cut(self, features: Features) -> Features:
        """Return features of the frame as passes of `Moment.CROP` read them."""
        assert self.crops is not None
        scale = features.size[0] // self.crops.config.embedding_size[0]
        size = (scale * self.crops.height, scale * self.crops.width)
        return replace(features, size=size, cut=True)

    def project(self, name: str, features: Features, size: tuple[int, int]) -> Features:
        """Add passes that sample features of the whole sphere, or of a crop, along the look."""
        groups, crop = groups_of(features.channels), None
        if self.crops is not None:
            scale = features.size[0] // self.crops.height
            crop = scale, scale * self.crops.config.embedding_size[0]
        split = self.make(name, Kind.FEATURES, size, groups)
        for first, targets in self._chunks(groups):
            text = projection_text(size, targets, features.reader, crop)
            target, layer = self._place(name, first)
            source, group = self._place(features.map, first)
            reads = {"source": source}
            if crop is not None:
                reads, group = features.reads("source"), first
            self._draw(
                FragmentShader(text, targets),
                Pass(0, self.moment, target, layer, *size, reads, {"group": group}),
                *map(Reach, reads.values()),
            )
        return Features(name, features.channels, size, split=split)

    def layer(
        self,
        name: str,
        layer: Layer,
        source: tuple[Features, Weights] | None,
        *,
        stride: int = 1,
        affine: tuple[int, int] | None = None,
        base: Features | None = None,
        finer: tuple[Features, Weights] | None = None,
        kind: Kind = Kind.FEATURES,
    ) -> Features:
        """Compute a layer into a new map.

        Args:
            layer: its kind; size, targets, sources and affine follow from the other arguments.
            stride: of the pixel shuffle that the next pass does on reading.
            affine: first vector and number of vectors of the `Conditions` that scale and shift its
                source.
            base: features to add.
            finer: embedding to add, with its 1×1 convolution.
        """
        outputs = _outputs(source, stride) if source else _outputs(finer, 1)
        size = source[0].size if source else (base or Features("", 0, (0, 0))).size
        groups = len(outputs) // 4
        split = self.make(name, kind, size, groups) if kind is Kind.FEATURES else 0
        if affine is not None:
            need("uniform vectors", affine[1] + _SPARE_VECTORS, self.limits.vectors)
        layer = replace(
            layer,
            size=size,
            targets=1,
            source=source[0].reader if source else None,
            affine=affine is not None,
            base=base.reader if base else None,
            finer=groups_of(finer[0].channels) if finer else 0,
            scale=size[0] // self.crops.height if self.moment is Moment.CROP and self.crops else 0,
        )
        reads, reaches = _read_by(layer, source and source[0], base, finer and finer[0])
        fitting = self._fitting(layer, groups)
        for first, targets in self._chunks(groups, fitting or self.limits.targets):
            chunk = replace(layer, targets=targets)
            chosen = outputs[4 * first : 4 * (first + targets)]
            matrices = _packed(chunk, source and source[1], finer and finer[1], chosen)
            assert len(matrices) == chunk.matrices
            block = chunk.matrices if fitting else 0
            target, at = self._place(name, first)
            self._draw(
                FragmentShader(chunk.text(in_block=bool(fitting)), targets, block, not fitting),
                Pass(0, self.moment, target, at, *size, reads,
                     {**layer.bounds, **({"group": first} if base or finer else {})},
                     weights=self._put(matrices), affine=affine),
                *reaches,
            )  # fmt: skip
        channels = (source[1] if source else (finer or (None, _NOTHING))[1]).bias.numel()
        shuffled = (size[0] * stride, size[1] * stride)
        return Features(name, channels // stride**2, shuffled, stride, split)

    def fixed(
        self, target: str, text: str, size: tuple[int, int], reads: Mapping[str, str],
        learnt: tuple[float, ...] | None = None, *, alpha: bool = False,
    ) -> None:  # fmt: skip
        """Add one pass of a program without weights, over the whole of ``target``."""
        done = Pass(0, self.moment, target, 0, *size, reads, {}, learnt=learnt, alpha=alpha)
        self._draw(FragmentShader(text, 1), done)

    def _draw(self, program: FragmentShader, done: Pass, *reaches: Reach) -> None:
        index = self._programs.setdefault(program, len(self._programs))
        self.passes.append(replace(done, program=index))
        self.reaches.append(reaches)

    def _put(self, matrices: npt.NDArray[np.float32]) -> int:
        first, spare = self._count, -len(matrices) % _ALIGNED
        self._matrices += [matrices, np.zeros((spare, 4, 4), np.float32)]
        self._count += len(matrices) + spare
        return first

    def _fitting(self, layer: Layer, groups: int) -> int:
        """Return how many targets have their weights in one uniform block; 0 if not even one."""
        for targets in range(min(self.limits.targets, groups), 0, -1):
            if replace(layer, targets=targets).matrices <= self.limits.block_matrices:
                return targets
        return 0

    def _chunks(self, groups: int, most: int | None = None) -> list[tuple[int, int]]:
        most, split = min(most or self.limits.targets, self.limits.targets), self.limits.layers
        return [
            (first, min(most, end - first))
            for begin, end in ((0, min(groups, split)), (split, groups))
            for first in range(begin, end, most)
        ]

    def _place(self, name: str, layer: int) -> tuple[str, int]:
        """Return the map, and the layer in it, of a layer of features."""
        split = self.limits.layers
        return (name, layer) if layer < split else (more_of(name), layer - split)

    def _checked(self, made: Map) -> Map:
        need("pixels along a texture's side", max(made.width, 0 if made.banded else made.height),
             self.limits.side)  # fmt: skip
        need("layers in a texture", made.layers, self.limits.layers)
        return made


_NOTHING = Weights(torch.zeros(0), torch.zeros(0))


def _outputs(source: tuple[Features, Weights] | None, stride: int) -> list[int]:
    """Return the indices of a convolution's outputs in the order in which layers store them.

    Each cell of a pixel shuffle stores its channels together, four per layer, padded with −1.
    """
    assert source is not None
    cells = stride**2
    channels = source[1].bias.numel() // cells
    order = []
    for cell in range(cells):
        order += [channel * cells + cell for channel in range(channels)]
        order += [-1] * (-channels % 4)
    return order


def _read_by(
    layer: Layer, source: Features | None, base: Features | None, finer: Features | None
) -> tuple[dict[str, str], list[Reach]]:
    """Return the maps that a layer reads, by sampler, and the rows that it needs of them."""
    reads: dict[str, str] = {}
    for sampler, features in (("source", source), ("base", base), ("finer", finer)):
        reads |= features.reads(sampler) if features else {}
    reaches = source.reaches(layer.kernel // 2) if source else []
    return reads, [*reaches, *(base.reaches() if base else [])]


def _packed(
    layer: Layer, convolved: Weights | None, finer: Weights | None, outputs: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Arrange a layer's matrices in the order of `Layer.text`, for the outputs of its targets."""
    parts, biases = [], []
    for weights, groups in (
        (convolved, layer.source.groups if layer.source else 0),
        (finer, layer.finer),
    ):
        if weights is None:
            continue
        padded = np.concatenate(
            [
                weights.weight.detach().float().numpy(),
                np.zeros((1, *weights.weight.shape[1:]), np.float32),
            ]
        )[list(outputs)]
        spare = 4 * groups - padded.shape[1]
        padded = np.pad(padded, ((0, 0), (0, spare), (0, 0), (0, 0)))
        _, _, rows, columns = padded.shape
        split = padded.reshape(layer.targets, 4, groups, 4, rows, columns)
        # Tap, group of inputs, target; then input by output: columns of a matrix.
        parts.append(split.transpose(4, 5, 2, 0, 3, 1).reshape(-1, 4, 4))
        biases.append(
            np.append(weights.bias.detach().float().numpy(), np.float32(0))[list(outputs)]
        )
    bias = np.concatenate(biases)
    parts.append(np.pad(bias, (0, -len(bias) % 16)).reshape(-1, 4, 4))
    return np.concatenate(parts).astype(np.float32)
