"""Loss of a training step: of decoded pictures alone, or also of them over the still panorama."""

from __future__ import annotations

from torch import Tensor

from model.networks import composite
from model.training.autoencoder import Autoencoder
from model.training.loss import DistortionLoss
from model.training.material import WHOLE
from model.training.settings import TrainingSettings


class Objective:
    """Loss of a network's pictures.

    Without a still panorama it is the distortion (equation 2). With one it is that of what is
    shown, the composite, and that of the decoded picture itself: were it the first alone, a thing
    that the decoder does not draw yet would show the still panorama, and give no gradient.
    """

    def __init__(
        self, network: Autoencoder, settings: TrainingSettings, coverage: Tensor | None = None
    ) -> None:
        """For ``network``, on its device."""
        self._network = network
        device = next(network.parameters()).device
        self._coverage = None if coverage is None else coverage[None, None].float().to(device)
        self._distortion = DistortionLoss(
            *network.target_size, settings.loss_balance, settings.loss_alpha
        ).to(next(network.parameters()).device)

    def __call__(self, decoded: Tensor, frame: Tensor, looks: Tensor, index: int) -> Tensor:
        """Scalar of what the network decoded from ``frame``, 1×3×H×W, the clip's number ``index``,
        for ``looks``, N×4.
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
        """Return the distortion where the clip shows something, and how far from black it is
        elsewhere.
        """
        distortion: Tensor
        if self._coverage is None:
            distortion = self._distortion(picture, target)
            return distortion
        (known,) = self._network.targets([self._coverage], looks)
        seen = (known > WHOLE).float()
        distortion = self._distortion(picture * seen, target * seen)
        return distortion + (picture.float().abs() * (1 - seen)).mean()
