"""Pictures of looks from full-frame networks, which decode only the crop that a look sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from nerv360.decoding.alpha import StillAlpha
from nerv360.geometry import erp_grid, pad_erp, sample_padded, viewport_angles
from nerv360.networks import Architecture, FrameCrop, KeptCrop

Decode = Callable[[Tensor, Sequence[Tensor], Tensor], Tensor]
"""Decodes an embedding, its finer ones and a time to 1×c×H×W, c at least 3, in [0, 1]."""


class CroppedFrames:
    """Pictures of looks; the decoded crop is kept for the next looks in it."""

    def __init__(
        self,
        network: Architecture,
        size: tuple[int, int],
        decode: Decode,
        alpha: StillAlpha | None,
    ) -> None:
        """Create it for pictures of ``size``, height and width.

        Args:
            network: a full-frame network, whose frames ``decode`` decodes.
            alpha: of its frames; None without a still panorama.
        """
        self._network, self._size = network, size
        self._decode, self._alpha = decode, alpha
        self._wrap = network.config.erp_padding == "wrap"
        self._kept = KeptCrop()
        self._picture = torch.empty(0)

    def __call__(
        self, frame: int, embedding: Tensor, finer: Sequence[Tensor], time: Tensor, look: Tensor
    ) -> Tensor:
        """Return a picture height×width×4, float32 in [0, 1].

        Args:
            frame: the number of the frame that ``embedding``, ``finer`` and ``time`` are of.
            look: float64 1×4.
        """
        expand = partial(self._expand, frame, embedding, finer, time)
        crop = self._kept.covering(frame, self._network.picture_crop(look), expand)
        picture = self._picture
        # Float32 angles are precise enough for the frame's pixels, as for a still panorama's.
        angles = viewport_angles(look.float(), self._size)
        height, width = picture.shape[-2] - 2, picture.shape[-1] - 2
        grid = erp_grid(*angles, height, width) if crop is None else crop.grid(*angles, height)
        return sample_padded(picture, grid)[0].permute(1, 2, 0)

    def _expand(
        self,
        frame: int,
        embedding: Tensor,
        finer: Sequence[Tensor],
        time: Tensor,
        crop: FrameCrop | None,
    ) -> FrameCrop | None:
        """Decode a crop as RGBA, widened by one pixel a side."""
        if crop is None:
            colours = self._decode(embedding, finer, time)[:, :3]
        else:
            pieces = [crop] if self._wrap else crop.pieces()
            parts = [
                self._decode(piece.cut(embedding), [piece.cut(each) for each in finer], time)
                for piece in pieces
            ]
            colours = torch.cat([part[:, :3] for part in parts], -1)
        alpha = torch.ones_like(colours[:, :1])
        if self._alpha is not None:
            alpha = self._alpha(colours, frame, lambda features, size: features, crop=crop)
        self._picture = pad_erp(torch.cat([colours, alpha], 1), 1)
        return crop
