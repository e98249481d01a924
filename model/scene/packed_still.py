"""The still panorama in a scene file: an AVIF, bounded before it is unpacked.

Importing it does not load torch.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.config import ModelConfig
from model.errors import InputError

STILL = "still"
"""Name of its tensor."""
STILL_QUALITY = 90
"""Of the AVIF, 0 to 100: 45 to 47 dB. It bounds what is shown wherever nothing moves; with 80, and
colours at half the size, the demo's networks lost a decibel along gaze paths (docs/quality.md).
"""
MAX_STILL_BYTES = 64 * 2**20
_SPEED = 6

Bytes = npt.NDArray[np.uint8]


def still_size(configs: Iterable[ModelConfig]) -> tuple[int, int] | None:
    """Height and width of the still panorama: the frame of the decoders that cover it; None where
    none does.

    Raises:
        InputError: they have frames of several sizes.
    """
    sizes = {(it.frame_height, it.frame_width) for it in configs if it.still_panorama}
    if len(sizes) > 1:
        raise InputError("its decoders would cover still panoramas of several sizes")
    return next(iter(sizes), None)


def check_packed(shape: tuple[int, ...]) -> None:
    """Raise InputError where ``shape`` is not that of 1 to `MAX_STILL_BYTES` bytes."""
    if len(shape) != 1 or not 1 <= shape[0] <= MAX_STILL_BYTES:
        raise InputError(f"the still panorama has the absurd shape {shape}")


def pack(pixels: Bytes) -> Bytes:
    """A picture height×width×3 as the bytes of an AVIF."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "AVIF", quality=STILL_QUALITY, subsampling="4:4:4", speed=_SPEED
    )
    return np.frombuffer(bytearray(file.getvalue()), np.uint8)


def unpack(packed: Bytes, size: tuple[int, int]) -> Bytes:
    """The picture, height×width×3, in the bytes of an AVIF.

    Args:
        size: height and width that it must have.

    Raises:
        InputError: it is not such an AVIF.
    """
    height, width = size
    try:
        with warnings.catch_warnings():
            # Its size is checked below, before a pixel is unpacked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(packed.tobytes()), formats=["AVIF"])
        if picture.size != (width, height):
            found = f"{picture.size[0]}x{picture.size[1]}"
            raise InputError(f"the still panorama has {found} pixels, not {width}x{height}")
        with picture:
            return np.array(picture.convert("RGB"))
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
        raise InputError(f"the still panorama is not an AVIF picture ({error})") from error
