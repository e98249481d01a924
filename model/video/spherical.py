"""Spherical metadata of a video: how its pictures show the sphere, as far as the file says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.sidedata.sidedata import Type

from model.errors import InputError

EQUIRECTANGULAR = "equirectangular"
_PROJECTIONS = (
    EQUIRECTANGULAR,
    "cubemap",
    "tiled equirectangular",
    "half equirectangular",
    "rectilinear",
    "fisheye",
)
_STEREO = {
    1: "side by side",
    2: "one above the other",
    3: "one after the other",
    4: "in a checkerboard",
    5: "side by side",
    6: "line by line",
    7: "column by column",
}
_ASPECT, _TOLERANCE = 2.0, 0.01


@dataclass(frozen=True)
class SphericalLayout:
    """Declaration of a video about its pictures.

    Attributes:
        projection: its name; None where the file says nothing.
        stereo: where the pictures of the two eyes are; None where there is one.
        size: width and height of a picture.
        shape: width over height of a pixel.
    """

    projection: str | None
    stereo: str | None
    size: tuple[int, int]
    shape: float

    @classmethod
    def of(cls, frame: av.VideoFrame, shape: float) -> SphericalLayout:
        """The layout by a video's first picture, whose pixels have this ``shape``."""
        projection = _number(frame, Type.SPHERICAL)
        named = None
        if projection is not None:
            known = projection < len(_PROJECTIONS)
            named = _PROJECTIONS[projection] if known else f"unknown (number {projection})"
        stereo = _STEREO.get(_number(frame, Type.STEREO3D) or 0)
        return cls(named, stereo, (frame.width, frame.height), shape)


def check_equirectangular(layout: SphericalLayout, path: Path) -> None:
    """Check that the pictures of ``path`` are equirectangular ones of the whole sphere for one eye.

    What is not said is taken to be so where a picture is twice as wide as high.

    Raises:
        InputError: they are not, or are not known to be.
    """
    if layout.stereo is not None:
        raise InputError(
            f"{path} holds the pictures of two eyes, {layout.stereo}: give a video for one eye"
        )
    if layout.projection not in (None, EQUIRECTANGULAR):
        raise InputError(
            f"{path} says that its projection is {layout.projection}: give an equirectangular video"
        )
    width, height = layout.size
    aspects = (width / height, width * layout.shape / height)
    if layout.projection is None and all(abs(it / _ASPECT - 1) > _TOLERANCE for it in aspects):
        raise InputError(
            f"{path} is {width}x{height} and does not say that it is equirectangular: give a video "
            f"of the whole sphere, which is twice as wide as high"
        )


def _number(frame: av.VideoFrame, kind: Type) -> int | None:
    """The first field of the picture's side data of one kind: an enumeration in FFmpeg's
    ``AVSphericalMapping`` and ``AVStereo3D``.
    """
    side_data: Any = frame.side_data  # its type hint knows motion vectors alone
    try:
        data = bytes(side_data[kind])
    except KeyError:
        return None
    return int(struct.unpack_from("=i", data)[0]) if len(data) >= 4 else None
