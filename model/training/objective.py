"""Loss of a training step: of decoded pictures, and of their composites if there is a still."""

from __future__ import annotations

from torch import Tensor

from nerv360.networks import composite
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import WHOLE
from nerv360.training.loss import DistortionLoss
from nerv360.training.settings import TrainingSettings


class Objective:
    """Loss of a network's pictures.

    Without a still panorama it is the distortion (equation 2). With one it is the distortion of the
    composite plus the decoded picture's. With the composite alone, an object not learned yet is
    hidden by the panorama and gets no gradient.
    """

    def __init__(
        self, network: Autoencoder, settings: TrainingSettings, coverage: Tensor | None = None
    ) -> None:
        """Create it for ``network``, on its device."""
        self._network = network
        device = next(network.parameters()).device
        self._coverage = None if coverage is None else coverage[None, None].float().to(device)
        self._distortion = DistortionLoss(
            *network.target_size, settings.loss_balance, settings.loss_alpha
        ).to(next(network.parameters()).device)

    def __call__(self, decoded: Tensor, frame: Tensor, looks: Tensor, index: int) -> Tensor:
        """Return the scalar loss of a decoded picture.

        Args:
            decoded: the network's result for ``looks``.
            frame: the original, 1×3×H×W, in [0, 1] or uint8.
            looks: N×4.
            index: of the frame in the clip.
        """
        network = self._network
        if network.panorama is None:
            (target,) = network.targets([frame], looks)
            return self._masked(decoded, target, looks)
        target, still = network.targets([frame, network.panorama], looks)
        decoded = decoded.float()
        shown = composite(decoded, network.alpha(decoded, looks, index), still)
        return self._masked(decoded, target, looks) + self._masked(shown, target, looks)

    def _masked(self, picture: Tensor, target: Tensor, looks: Tensor) -> Tensor:
        """Return the distortion where the clip shows a picture, plus the brightness elsewhere."""
        distortion: Tensor
        if self._coverage is None:
            distortion = self._distortion(picture, target)
            return distortion
        (known,) = self._network.targets([self._coverage], looks)
        seen = (known > WHOLE).float()
        distortion = self._distortion(picture * seen, target * seen)
        return distortion + (picture.float().abs() * (1 - seen)).mean()
