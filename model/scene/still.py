"""The still panorama of a scene, and the motion in front of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from nerv360.networks import motion_map, motion_size
from nerv360.scene.coding import packed_series
from nerv360.scene.packed_still import pack, unpack


class StillPanorama:
    """The still panorama of a scene as stored in its file, so that rewriting loses no quality.

    Attributes:
        packed: the bytes of its AVIF, n uint8.
        pixels: height×width×3 uint8, unpacked.
        motion: of all frames, n×rows×columns uint8; see `nerv360.networks.motion_map`.
    """

    def __init__(
        self,
        packed: Tensor,
        size: tuple[int, int],
        motion: Tensor,
        pixels: Tensor | None = None,
    ) -> None:
        """Unpack an AVIF.

        Args:
            packed: n uint8.
            size: required height and width.
            motion: as the attribute.
            pixels: as the attribute, if it was unpacked before.

        Raises:
            InputError: it is not an AVIF of this size.
        """
        self.packed, self.motion = packed, motion
        self.pixels = _unpacked(packed, size) if pixels is None else pixels

    @functools.cached_property
    def coded_motion(self) -> Tensor:
        """The motion maps as a scene file holds them; they are coded once."""
        return coded_motion(self.motion)

    @classmethod
    def of(
        cls, picture: Tensor, pictures: Iterable[Tensor], shown: Sequence[int] | None = None
    ) -> StillPanorama:
        """Pack a picture, height×width×3 uint8, and compute the motion in a clip's ``pictures``.

        Args:
            shown: the picture that each frame shows; None if each frame shows one of its own.
        """
        packed = torch.from_numpy(pack(picture.cpu().contiguous().numpy()))
        size = (picture.shape[0], picture.shape[1])
        motion = _motion(_unpacked(packed, size), pictures)
        return cls(packed, size, motion if shown is None else motion[list(shown)])

    def motion_of(self, pictures: Iterable[Tensor]) -> Tensor:
        """Compute the motion in other pictures, height×width×3 uint8, as `motion` has it."""
        return _motion(self.pixels, pictures)


def _motion(still: Tensor, pictures: Iterable[Tensor]) -> Tensor:
    shipped = _planes(still)
    # In one piece: small maps that stay between large pictures that go would break up the heap.
    maps = bytearray()
    for frame in pictures:
        maps += motion_map(_planes(frame), shipped).cpu().numpy().tobytes()
    size = motion_size(still.shape[0], still.shape[1])
    return torch.frombuffer(maps, dtype=torch.uint8).view(-1, *size)


def coded_motion(motion: Tensor) -> Tensor:
    """Code motion maps frames×rows×columns uint8 as n uint8."""
    return packed_series(motion.cpu().numpy()[:, None])


def _planes(picture: Tensor) -> Tensor:
    return picture.permute(2, 0, 1)[None].float() / 255


def _unpacked(packed: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(unpack(packed.numpy(), size))
