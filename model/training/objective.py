"""Loss of a training step: of decoded pictures alone, or also of them over the still panorama."""

from __future__ import annotations

import torch
from torch import Tensor

from model.networks import composite
from model.scene import as_shipped
from model.training.autoencoder import Autoencoder
from model.training.loss import DistortionLoss
from model.training.material import ClipFrames
from model.training.settings import TrainingSettings


class Objective:
    """Loss of a network's pictures.

    Without a still panorama it is the distortion (equation 2). With one it is that of what is
    shown, the composite, and that of the decoded picture itself: were it the first alone, a thing
    that the decoder does not draw yet would show the still panorama, and give no gradient.

    Attributes:
        still: the panorama, height×width×3 uint8 on the CPU; None without one.
    """

    def __init__(
        self,
        network: Autoencoder,
        settings: TrainingSettings,
        frames: ClipFrames,
        still: Tensor | None = None,
    ) -> None:
        """For ``network``, on its device.

        Args:
            still: the scene's panorama, where it has one; by default the clip's temporal median,
                as a scene file hands it on.
        """
        device = next(network.parameters()).device
        self._network = network
        self._distortion = DistortionLoss(
            *network.target_size, settings.loss_balance, settings.loss_alpha
        ).to(device)
        self.still: Tensor | None = None
        self.panorama: Tensor | None = None
        if network.decoder.coverage is not None:
            self.still = as_shipped(frames.still_bytes()) if still is None else still
            self.panorama = self.still.to(device).permute(2, 0, 1)[None].float() / 255
            self._compared = network.compared(self.panorama)

    def __call__(self, decoded: Tensor, frame: Tensor, looks: Tensor) -> Tensor:
        """Scalar of what the network decoded from ``frame``, 1×3×H×W, for ``looks``, N×4."""
        network = self._network
        if self.panorama is None:
            loss: Tensor = self._distortion(decoded, network.target(frame, looks))
            return loss
        targets = network.target(torch.cat([frame, self.panorama], 1), looks)
        target, still = targets[:, :3], targets[:, 3:]
        decoded = decoded.float()
        shown = composite(decoded, network.alpha(decoded, self._compared, looks), still)
        total: Tensor = self._distortion(decoded, target) + self._distortion(shown, target)
        return total
