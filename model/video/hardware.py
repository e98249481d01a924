"""Decoding of videos by hardware, if it gives the pictures that software gives."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
from av.codec.hwaccel import hwdevices_available

from nerv360.errors import InputError
from nerv360.video.index import VideoIndex
from nerv360.video.planes import Planes
from nerv360.video.random_access import VideoReader

log = logging.getLogger(__name__)

_DEVICES = ("cuda", "vaapi", "videotoolbox", "d3d11va")
_ALIKE = 2.0 / 255


def hardware_reader(
    index: VideoIndex, software: VideoReader, kept_bytes: int | None
) -> VideoReader | None:
    """Return a reader of the same video that decodes by hardware, or None.

    None if no hardware decodes it, or if its first picture differs from the one of ``software`` by
    more than 2 of 255: a driver's fault is not to be seen.

    Args:
        kept_bytes: as in `VideoReader`.
    """
    for device in (each for each in _DEVICES if each in hwdevices_available()):
        try:
            found = VideoReader(index, kept_bytes, device)
        except (InputError, RuntimeError) as error:  # RuntimeError: not this codec
            log.debug("%s does not decode %s: %s", device, index.opening.path, error)
            continue
        if _decodes_alike(found, software, index.codec):
            log.info("decoding %s by hardware (%s)", index.opening.path.name, device)
            return found
        found.close()
    return None


def _decodes_alike(found: VideoReader, software: VideoReader, codec: str) -> bool:
    try:
        first, second = (Planes.of(each.picture(0), codec) for each in (found, software))
    except (InputError, RuntimeError):
        return False
    if first is None or second is None or first.blue.shape != second.blue.shape:
        return False
    return float(np.abs(_colours(first) - _colours(second)).max()) <= _ALIKE


def _colours(planes: Planes) -> npt.NDArray[np.float64]:
    """Return RGB in 0 to 1 where there is chroma."""
    rows, columns = planes.blue.shape
    every = -(-planes.luma.shape[0] // rows), -(-planes.luma.shape[1] // columns)
    luma = planes.luma[:: every[0], :: every[1]]
    stored = np.stack([luma, planes.blue, planes.red, np.full_like(planes.blue, 1)])
    shares = stored / np.iinfo(planes.luma.dtype).max
    shares[3] = 1
    return np.clip(np.einsum("cp,phw->hwc", planes.matrix, shares), 0, 1)
