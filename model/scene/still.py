"""The still panorama in a scene file: an AVIF, bounded before it is unpacked."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.errors import InputError
from model.networks import motion_map

STILL_QUALITY = 80
"""Of the AVIF, 0 to 100: about 43 dB."""
MAX_STILL_BYTES = 64 * 2**20
_SPEED = 6


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
        file = io.BytesIO()
        pixels = picture.cpu().contiguous().numpy()
        Image.fromarray(pixels).save(file, "AVIF", quality=STILL_QUALITY, speed=_SPEED)
        packed = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        size = (picture.shape[0], picture.shape[1])
        shipped = _planes(_unpacked(packed, size))
        motion = torch.stack([motion_map(_planes(frame), shipped) for frame in frames])
        return cls(packed, size, motion)


def _planes(picture: Tensor) -> Tensor:
    return picture.permute(2, 0, 1)[None].float() / 255


def _unpacked(packed: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    try:
        with warnings.catch_warnings():
            # Its size is checked below, before a pixel is unpacked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(packed.numpy().tobytes()), formats=["AVIF"])
        if picture.size != (width, height):
            found = f"{picture.size[0]}x{picture.size[1]}"
            raise InputError(f"the still panorama has {found} pixels, not {width}x{height}")
        with picture:
            pixels = np.array(picture.convert("RGB"))
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
        raise InputError(f"the still panorama is not an AVIF picture ({error})") from error
    return torch.from_numpy(pixels)
