"""Crops of the frame, for training full-frame decoders a piece at a time.

A full-frame decoder is convolutions alone: a crop of the embedding, with a margin as wide as what
they see, decodes to just the pixels that the whole embedding would. Where zeros surround the frame
the margin ends with it, and the crop's convolutions meet the same zeros. Where features wrap, the
rows that see across a pole differ: there every convolution in the whole frame meets the opposite
meridian at its own resolution, and in a crop what was decoded from the opposite meridian's
embedding. A step then costs what a viewport's step costs, whatever the frame's size.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from model.config import ModelConfig
from model.geometry import pad_erp
from model.networks import build_decoder


@dataclass(frozen=True)
class Crop:
    """A part of the frame, in pixels of the embedding.

    Attributes:
        top, left: its upper left corner; where features wrap it may go on beyond the right edge,
            at the left.
        height, width: its size.
        margin: how far the decoder sees.
        scale: pixels of the frame per pixel of the embedding.
        wrap: whether the margin goes on across seam and poles.
    """

    top: int
    left: int
    height: int
    width: int
    margin: int
    scale: int
    wrap: bool

    def embeddings(self, embeddings: Sequence[Tensor]) -> list[Tensor]:
        """The crop and its margin, of all whole embeddings N×d×H×W, the coarsest first."""
        rows = embeddings[0].shape[-2]
        return [self._with_margin(e, e.shape[-2] // rows) for e in embeddings]

    def _with_margin(self, embedding: Tensor, finer: int) -> Tensor:
        """Of an embedding that is ``finer`` times as fine as the coarsest."""
        margin, top, left = (finer * side for side in (self.margin, self.top, self.left))
        height, width = finer * self.height, finer * self.width
        if not self.wrap:
            rows = slice(max(top - margin, 0), top + height + margin)
            columns = slice(max(left - margin, 0), left + width + margin)
            return embedding[..., rows, columns]
        rolled = pad_erp(embedding.roll(margin - left, -1), margin)
        rows = slice(top, top + height + 2 * margin)
        return rolled[..., rows, margin : margin + width + 2 * margin]

    def inner(self, decoded: Tensor) -> Tensor:
        """The pixels that were decoded from `embedding`, without those of the margin."""
        scale = self.scale
        above, before = (
            scale * (self.margin if self.wrap else min(self.margin, corner))
            for corner in (self.top, self.left)
        )
        rows = slice(above, above + self.height * scale)
        return decoded[..., rows, before : before + self.width * scale]

    def frame(self, frame: Tensor) -> Tensor:
        """The same part of the frame, N×3×H×W."""
        return self.cells(frame, 1)

    def cells(self, frame: Tensor, cell: int) -> Tensor:
        """The same part of the frame in squares of ``cell`` pixels, N×3×(H/cell)×(W/cell)."""
        scale = self.scale // cell
        rolled = frame.roll(-self.left * scale, -1)
        rows = slice(self.top * scale, (self.top + self.height) * scale)
        return rolled[..., rows, : self.width * scale]


def crop_at(config: ModelConfig, look: Tensor) -> Crop | None:
    """The crop of the viewport's size around a look (4 values, radians), moved into the frame
    in the vertical and, unless features wrap, in the horizontal; nothing where the frame leaves no
    room for one.
    """
    rows, columns = config.embedding_size
    height, width = config.viewport_embedding_size
    margin = reach(config)
    wrap = config.erp_padding == "wrap"
    if height > rows or width + (2 * margin if wrap else 0) > columns:
        return None
    yaw, pitch = float(look[0]), float(look[1])
    top = round((0.5 - pitch / math.pi) * rows - height / 2)
    left = round((yaw / (2 * math.pi) + 0.5) * columns - width / 2)
    top = min(max(top, 0), rows - height)
    left = left % columns if wrap else min(max(left, 0), columns - width)
    return Crop(top, left, height, width, margin, config.scale, wrap)


@functools.lru_cache(maxsize=8)
def reach(config: ModelConfig) -> int:
    """Radius in pixels of the embedding, rounded up, of what a pixel of a full frame depends on."""
    return build_decoder(config, "meta").layout().reach
