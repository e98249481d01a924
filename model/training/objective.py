"""Loss of a training step: of decoded pictures alone, or also of them over the still panorama."""

from __future__ import annotations

from torch import Tensor

from model.networks import composite
from model.training.autoencoder import Autoencoder
from model.training.loss import DistortionLoss
from model.training.settings import TrainingSettings


class Objective:
    """Loss of a network's pictures.

    Without a still panorama it is the distortion (equation 2). With one it is that of what is
    shown, the composite, and that of the decoded picture itself: were it the first alone, a thing
    that the decoder does not draw yet would show the still panorama, and give no gradient.
    """

    def __init__(self, network: Autoencoder, settings: TrainingSettings) -> None:
        """For ``network``, on its device."""
        self._network = network
        self._distortion = DistortionLoss(
            *network.target_size, settings.loss_balance, settings.loss_alpha
        ).to(next(network.parameters()).device)

    def __call__(self, decoded: Tensor, frame: Tensor, looks: Tensor, index: int) -> Tensor:
        """Scalar of what the network decoded from ``frame``, 1×3×H×W, the clip's number ``index``,
        for ``looks``, N×4.
        """
        network = self._network
        if network.panorama is None:
            loss: Tensor = self._distortion(decoded, *network.targets([frame], looks))
            return loss
        target, still = network.targets([frame, network.panorama], looks)
        decoded = decoded.float()
        shown = composite(decoded, network.alpha(decoded, looks, index), still)
        total: Tensor = self._distortion(decoded, target) + self._distortion(shown, target)
        return total
