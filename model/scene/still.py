"""The still panorama in a scene file: an AVIF, bounded before it is unpacked."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.errors import InputError

STILL_QUALITY = 80
"""Of the AVIF, 0 to 100: about 43 dB."""
MAX_STILL_BYTES = 64 * 2**20
_SPEED = 6


def packed_still(still: Tensor) -> Tensor:
    """The AVIF of a picture height×width×3 uint8, as bytes: n uint8."""
    file = io.BytesIO()
    pixels = still.cpu().contiguous().numpy()
    Image.fromarray(pixels).save(file, "AVIF", quality=STILL_QUALITY, speed=_SPEED)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def unpacked_still(packed: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture of an AVIF, height×width×3 uint8.

    Args:
        packed: n uint8.
        size: height and width that it must have.

    Raises:
        InputError: it is not such an AVIF.
    """
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


def as_shipped(still: Tensor) -> Tensor:
    """A still panorama height×width×3 uint8 as a scene file hands it on."""
    return unpacked_still(packed_still(still), (still.shape[0], still.shape[1]))
