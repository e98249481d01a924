"""Views of one frame: a network decodes looks, and keeps the features that they share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nerv360.networks.architecture import Architecture
from nerv360.networks.frame_crop import FrameCrop, KeptCrop


class FrameViews:
    """Decoder of looks at one frame.

    Features are computed once for all looks, or for the crop that a look sees if the network has
    one. A look within the crop of an earlier one takes its features.
    """

    def __init__(
        self, network: Architecture, embedding: Tensor, time: Tensor, finer: Sequence[Tensor] = ()
    ) -> None:
        """Create it for a frame.

        Args:
            embedding: 1×d×h×w.
            time: float64 1.
            finer: as in `Architecture.decode`.
        """
        self._network, self._time = network, time
        self._embedding, self._finer = embedding, finer
        self._kept = KeptCrop()
        self._expanded: tuple[Tensor, Sequence[Tensor]] = embedding, finer

    def __call__(self, look: Tensor) -> Tensor:
        """Decode a look, float64 1×4: a viewport 1×3×H×W, or the whole frame."""
        crop = self._kept.covering(0, self._network.crop_of(look), self._expand)
        features, finer = self._expanded
        return self._network.decode(features, self._time, look, finer, crop)

    def _expand(self, crop: FrameCrop | None) -> FrameCrop | None:
        embedding, finer = self._embedding, self._finer
        self._expanded = embedding, finer  # those of the crop before are freed first
        if crop is not None:
            embedding, finer = crop.cut(embedding), [crop.cut(level) for level in finer]
        self._expanded = self._network.expand(embedding, self._time, finer, crop), finer
        return crop
