"""The eager engine: the network as trained, on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nerv360.decoding.alpha import StillAlpha
from nerv360.decoding.cropped_frames import CroppedFrames
from nerv360.decoding.grids import ViewportGrids
from nerv360.decoding.looks import look_tensor
from nerv360.decoding.lowering import to_bytes_
from nerv360.decoding.uncompiled import UncompiledEngine
from nerv360.geometry import Look
from nerv360.networks import FrameViews
from nerv360.scene import Decoder


class EagerEngine(UncompiledEngine):
    """Engine that caches the features of the current frame."""

    name = "eager"

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        precision: torch.dtype | None = None,
    ) -> None:
        """Decode in ``precision``, by default float16 on CUDA and float32 elsewhere.

        Any precision but float32 uses autocast.
        """
        default = torch.float16 if device.type == "cuda" else torch.float32
        super().__init__(decoder, device, size, precision or default)
        self._views: tuple[int, FrameViews] | None = None
        self._alpha = StillAlpha.of(self.network, decoder)
        self._grids = ViewportGrids()
        self._crops: CroppedFrames | None = None
        if self.network.full_frame and not self.full_frame:
            self._crops = CroppedFrames(self.network, size, self._whole, self._alpha)

    def _whole(self, embedding: Tensor, finer: Sequence[Tensor], time: Tensor) -> Tensor:
        return self.network.decode(embedding, time, None, finer).float()

    def _pixels(self, look: Look, frame: int) -> tuple[Tensor, float]:
        network, (embedding, finer, time) = self.network, self._code(frame)
        half = self.precision is not torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=half):
            if self._crops is not None:
                looks = look_tensor(look, self.times.device)
                return to_bytes_(self._crops(frame, embedding, finer, time, looks)), 1.0
            if self._views is None or self._views[0] != frame:
                self._views = frame, FrameViews(network, embedding, time, finer)
            looks = look_tensor(look, self.times.device)
            picture = self._views[1](looks)
        if self._alpha is None:
            return to_rgba(picture), 1.0
        self._grids.turn(looks)
        alpha = self._alpha(picture.float(), frame, self._grids.project)
        return to_rgba(picture, alpha), 1.0


def to_rgba(picture: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Convert 1×3×H×W in [0, 1], and alpha 1×1×H×W or 1, to contiguous H×W×4 uint8."""
    colours = picture[0].permute(1, 2, 0).float().mul(255).add_(0.5).clamp_(0, 255)
    pixels = torch.full((*colours.shape[:2], 4), 255, dtype=torch.uint8, device=picture.device)
    pixels[..., :3] = colours
    if alpha is not None:
        pixels[..., 3] = alpha[0, 0].mul(255).add_(0.5)
    return pixels
