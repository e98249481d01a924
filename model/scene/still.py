"""The still panorama of a scene, and what moves before it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from model.networks import motion_map
from model.scene.packed_still import pack, unpack


class StillPanorama:
    """The still panorama of a scene, as its file has it: written again, it loses nothing more.

    Attributes:
        packed: the bytes of its AVIF, n uint8.
        pixels: height×width×3 uint8 that they unpack to.
        motion: of all frames, n×rows×columns uint8, as `model.networks.motion_map` has it.
    """

    def __init__(self, packed: Tensor, size: tuple[int, int], motion: Tensor) -> None:
        """Unpack an AVIF.

        Args:
            packed: n uint8.
            size: height and width that it must have.
            motion: as the attribute.

        Raises:
            InputError: it is not such an AVIF.
        """
        self.packed, self.motion = packed, motion
        self.pixels = _unpacked(packed, size)

    @classmethod
    def of(cls, picture: Tensor, frames: Iterable[Tensor]) -> StillPanorama:
        """A picture height×width×3 uint8, packed, and what moves in a clip's ``frames`` alike."""
        packed = torch.from_numpy(pack(picture.cpu().contiguous().numpy()))
        size = (picture.shape[0], picture.shape[1])
        shipped = _planes(_unpacked(packed, size))
        motion = torch.stack([motion_map(_planes(frame), shipped) for frame in frames])
        return cls(packed, size, motion)


def _planes(picture: Tensor) -> Tensor:
    return picture.permute(2, 0, 1)[None].float() / 255


def _unpacked(packed: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(unpack(packed.numpy(), size))
