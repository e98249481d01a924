"""The still panorama of a scene, and the motion in front of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nerv360.networks import motion_map
from nerv360.scene.packed_still import pack, unpack


class StillPanorama:
    """The still panorama of a scene as stored in its file, so that rewriting loses no quality.

    Attributes:
        packed: the bytes of its AVIF, n uint8.
        pixels: height×width×3 uint8, unpacked.
        motion: of all frames, n×rows×columns uint8; see `nerv360.networks.motion_map`.
    """

    def __init__(self, packed: Tensor, size: tuple[int, int], motion: Tensor) -> None:
        """Unpack an AVIF.

        Args:
            packed: n uint8.
            size: required height and width.
            motion: as the attribute.

        Raises:
            InputError: it is not an AVIF of this size.
        """
        self.packed, self.motion = packed, motion
        self.pixels = _unpacked(packed, size)

    @classmethod
    def of(cls, picture: Tensor, frames: Iterable[Tensor]) -> StillPanorama:
        """Pack a picture, height×width×3 uint8, and compute the motion in a clip's ``frames``."""
        packed = torch.from_numpy(pack(picture.cpu().contiguous().numpy()))
        size = (picture.shape[0], picture.shape[1])
        shipped = _planes(_unpacked(packed, size))
        motion = torch.stack([motion_map(_planes(frame), shipped) for frame in frames])
        return cls(packed, size, motion)


def _planes(picture: Tensor) -> Tensor:
    return picture.permute(2, 0, 1)[None].float() / 255


def _unpacked(packed: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(unpack(packed.numpy(), size))
