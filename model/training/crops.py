"""Crops of the frame, to train full-frame decoders a piece at a time.

A full-frame decoder has only convolutions. A crop of the embedding therefore decodes to the same
pixels as the whole, if its margin is as wide as the convolutions reach. A training step then costs
as much as a viewport's, however large the frame is.

With zero padding the margin ends at the frame's border, so the pixels there are equal too. With
wrapped padding rows near a pole differ a little. In the whole frame each convolution pads with
features of its own resolution; in a crop these features are decoded from the padded embedding.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.geometry import pad_erp
from nerv360.networks import build_decoder


@dataclass(frozen=True)
class Crop:
    """A part of the frame, in pixels of the embedding.

    Attributes:
        top, left: its upper left corner; if features wrap, it may continue beyond the right edge at
            the left.
        height, width: its size.
        margin: reach of the decoder.
        scale: pixels of the frame per pixel of the embedding.
        wrap: whether the margin continues across seam and poles.
    """

    top: int
    left: int
    height: int
    width: int
    margin: int
    scale: int
    wrap: bool

    def embeddings(self, embeddings: Sequence[Tensor]) -> list[Tensor]:
        """Cut the crop with its margin from all whole embeddings N×d×H×W, coarsest first."""
        rows = embeddings[0].shape[-2]
        return [self._with_margin(e, e.shape[-2] // rows) for e in embeddings]

    def _with_margin(self, embedding: Tensor, finer: int) -> Tensor:
        """Cut it from an embedding ``finer`` times as fine as the coarsest."""
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
        """Cut the margin off the pixels decoded from `embeddings`."""
        scale = self.scale
        above, before = (
            scale * (self.margin if self.wrap else min(self.margin, corner))
            for corner in (self.top, self.left)
        )
        rows = slice(above, above + self.height * scale)
        return decoded[..., rows, before : before + self.width * scale]

    def frame(self, frame: Tensor) -> Tensor:
        """Cut the same part from a frame N×3×H×W."""
        return self.cells(frame, 1)

    def cells(self, frame: Tensor, cell: int) -> Tensor:
        """Cut the same part from a frame in squares of ``cell`` pixels, N×3×(H/cell)×(W/cell)."""
        scale = self.scale // cell
        rolled = frame.roll(-self.left * scale, -1)
        rows = slice(self.top * scale, (self.top + self.height) * scale)
        return rolled[..., rows, : self.width * scale]


def crop_at(config: ModelConfig, look: Tensor) -> Crop | None:
    """Return the crop of the viewport's size around a look, or None if the frame is too small.

    It is moved into the frame vertically and, unless features wrap, horizontally.

    Args:
        look: 4 values, radians.
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
    """Return the radius of a full frame's receptive field in embedding pixels, rounded up."""
    return build_decoder(config, "meta").layout().reach
