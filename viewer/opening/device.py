"""The device that decodes the scenes of a run."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from nerv360.viewer.decode import OpenScene

if TYPE_CHECKING:
    import torch


class DeviceChoice:
    """A device by its name, chosen when it is first asked for: that loads torch."""

    def __init__(self, name: str) -> None:
        """Choose later.

        Args:
            name: as `choose_device` knows it.
        """
        self.name = name

    @functools.cached_property
    def device(self) -> torch.device:
        """The device.

        Raises:
            InputError: there is no such device here.
        """
        from nerv360.devices import choose_device

        return choose_device(self.name)

    def settle(self) -> None:
        """Take the window's GPU if the device is CUDA without a number; its context is current."""
        from nerv360.viewer.picture import device_of_window

        self.device = device_of_window(self.device)

    def remark_on(self, scene: OpenScene) -> OpenScene:
        """Return ``scene``, with a remark if ``auto`` leaves a card unused."""
        from nerv360.devices import unused_card

        reason = unused_card() if self.name == "auto" else None
        if reason is None:
            return scene
        return replace(scene, remark=" ".join(filter(None, (reason, scene.remark))))
