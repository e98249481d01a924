"""The still panorama in a scene file: an AVIF, whose size is checked before it is unpacked.

Importing it does not load torch.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.memory import check_memory

STILL = "still"
"""Name of its tensor."""
STILL_QUALITY = 90
"""Quality of the AVIF, 0 to 100: 45 to 47 dB.

It limits the quality of everything that does not move. With 80, and colours at half resolution, the
demo's networks lost a decibel along gaze paths (docs/quality.md).
"""
MAX_STILL_BYTES = 64 * 2**20
_SPEED = 6
_UNPACKING = 18
"""Bytes per pixel while an AVIF is unpacked: its planes, and copies in three or four channels."""

Bytes = npt.NDArray[np.uint8]


def still_size(configs: Iterable[ModelConfig]) -> tuple[int, int] | None:
    """Return height and width of the still panorama, or None if no decoder has one.

    They are the frame size of the decoders with a still panorama.

    Raises:
        InputError: their frames differ in size.
    """
    sizes = {(it.frame_height, it.frame_width) for it in configs if it.still_panorama}
    if len(sizes) > 1:
        raise InputError(
            "its decoders with a still panorama have frames of several sizes, not of one"
        )
    return next(iter(sizes), None)


def check_packed(shape: tuple[int, ...]) -> None:
    """Raise InputError if ``shape`` is not one dimension of 1 to `MAX_STILL_BYTES`."""
    if len(shape) != 1 or not 1 <= shape[0] <= MAX_STILL_BYTES:
        raise InputError(
            f"the still panorama has the shape {shape}, not 1 to {MAX_STILL_BYTES} bytes"
        )


def pack(pixels: Bytes) -> Bytes:
    """Encode a picture height×width×3 as the bytes of an AVIF."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "AVIF", quality=STILL_QUALITY, subsampling="4:4:4", speed=_SPEED
    )
    return np.frombuffer(bytearray(file.getvalue()), np.uint8)


def unpack(packed: Bytes, size: tuple[int, int]) -> Bytes:
    """Decode a picture, height×width×3, from the bytes of an AVIF.

    Args:
        size: required height and width.

    Raises:
        InputError: it is not an AVIF of this size.
    """
    height, width = size
    try:
        with warnings.catch_warnings():
            # The size is checked below, before a pixel is unpacked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(packed.tobytes()), formats=["AVIF"])
        if picture.size != (width, height):
            found = f"{picture.size[0]}x{picture.size[1]}"
            raise InputError(f"the still panorama has {found} pixels, not {width}x{height}")
        check_memory(_UNPACKING * height * width, "its still panorama")
        with picture:
            return np.array(picture.convert("RGB"))
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
        raise InputError(f"the still panorama is not an AVIF picture ({error})") from error
