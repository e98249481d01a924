"""Spherical and stereo metadata of a video, and the placement on the sphere that follows."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from av.sidedata.sidedata import Type

from nerv360.errors import InputError
from nerv360.video.boxes import TrackBoxes
from nerv360.video.pixels import side_data
from nerv360.video.placement import (
    HALF_SPHERE,
    WHOLE_SPHERE,
    Bounds,
    Eye,
    Placement,
    eye_part,
    two_eac_streams,
)

EQUIRECTANGULAR, CUBEMAP, RECTILINEAR = "equirectangular", "cubemap", "rectilinear"
TWO_EAC_STREAMS = "equi-angular cubemap in two streams"
SIDE_BY_SIDE, ABOVE = "side by side", "one above the other"
_TILED, _HALF = "tiled equirectangular", "half equirectangular"
_PROJECTIONS = (EQUIRECTANGULAR, CUBEMAP, _TILED, _HALF, RECTILINEAR, "fisheye")
_BOXES = {"equi": EQUIRECTANGULAR, "cbmp": CUBEMAP, "mshp": "mesh (mshp)"}
_STEREO = {
    1: SIDE_BY_SIDE,
    2: ABOVE,
    3: "one after the other",
    4: "in a checkerboard",
    5: "side by side in a checkerboard",
    6: "line by line",
    7: "column by column",
}
_BOX_STEREO = {
    "top-bottom": (ABOVE, False),
    "left-right": (SIDE_BY_SIDE, False),
    "right-left": (SIDE_BY_SIDE, True),
}
_MOST_UNCOVERED = 0.98
_ASPECT, _TOLERANCE = 2.0, 0.02


@dataclass(frozen=True)
class SphericalLayout:
    """Declaration of a video about its pictures.

    Attributes:
        projection: its name; None if the file says nothing.
        bounds: of the sphere, what the picture does not cover.
        pose: yaw, pitch and roll in radians.
        padding: pixels around the faces of a cubemap.
        stereo: how the pictures of two eyes lie; None if there is one.
        right_first: the right eye's picture is left, or above.
        first_look_deg: yaw and pitch that the file wants to be seen first.
    """

    projection: str | None = None
    bounds: Bounds = WHOLE_SPHERE
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    padding: int = 0
    stereo: str | None = None
    right_first: bool = False
    first_look_deg: tuple[float, float] | None = None

    @classmethod
    def of(cls, frame: av.VideoFrame, boxes: TrackBoxes) -> SphericalLayout:
        """Return the layout by a video's first picture and by the boxes of its track."""
        stereo, right_first = _stereo(frame)
        if boxes.stereo is not None:
            named = boxes.stereo
            stereo, right_first = _BOX_STEREO.get(named, (f"in a way called {named}", False))
        found = _by_side_data(frame) if boxes.projection is None else _by_boxes(boxes)
        projection, bounds, pose = found
        return cls(
            projection, bounds, pose, boxes.padding, stereo, right_first, boxes.first_look_deg
        )


def place(
    layout: SphericalLayout, size: tuple[int, int], shape: float, eye: Eye, path: Path
) -> tuple[Placement, bool]:
    """Return the placement of a video's pictures, and whether they show the sphere.

    A picture that does not is cut to one eye and no more. Of one whose projection is not said,
    it is assumed if it is, or each eye's is, twice as wide as high.

    Args:
        size: width and height of a picture, upright.
        shape: width over height of a pixel.
        path: of the file, for messages.

    Raises:
        InputError: the projection or the stereo layout cannot be resampled.
    """
    if layout.stereo not in (None, SIDE_BY_SIDE, ABOVE):
        raise InputError(
            f"{path} holds the pictures of two eyes {layout.stereo}: give a video with them side "
            f"by side or one above the other, or for one eye"
        )
    part = Placement().part
    if layout.stereo is not None:
        seen = ("right" if eye == "left" else "left") if layout.right_first else eye
        arrangement: Literal["side by side", "top and bottom"] = (
            "side by side" if layout.stereo == SIDE_BY_SIDE else "top and bottom"
        )
        part = eye_part(arrangement, seen)
    if layout.projection is None or layout.projection == RECTILINEAR:
        whole = layout.projection is None and _looks_whole(size, shape, layout.stereo)
        return Placement(part=part), whole
    if layout.projection == TWO_EAC_STREAMS:
        return two_eac_streams(size[1] // 2, size[0], str(path)), True
    if layout.projection not in (EQUIRECTANGULAR, CUBEMAP):
        raise InputError(
            f"{path} says that its projection is {layout.projection}, which cannot be resampled: "
            f"give an equirectangular video"
        )
    check_bounds(layout.bounds, path)
    yaw, pitch, roll = layout.pose
    return (
        Placement(
            projection="cubemap" if layout.projection == CUBEMAP else "equirectangular",
            bounds=layout.bounds,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            part=part,
            padding=layout.padding,
        ),
        True,
    )


def check_bounds(bounds: Sequence[float], path: Path) -> None:
    """Raise InputError if a picture covers hardly anything of the sphere."""
    left, top, right, bottom = bounds
    if min(bounds) < 0 or max(left + right, top + bottom) > _MOST_UNCOVERED:
        raise InputError(
            f"{path} says that its picture covers almost nothing of the sphere (bounds "
            f"{', '.join(f'{share:.3g}' for share in bounds)}): give one that covers more"
        )


def layout_notes(layout: SphericalLayout, eye: Eye) -> list[str]:
    """Return clauses on what is done with the declaration."""
    notes = []
    if layout.stereo is not None:
        notes.append(
            f"it holds the pictures of two eyes, {layout.stereo}: the {eye} eye's are taken"
        )
    if layout.projection == CUBEMAP:
        notes.append("its cubemap is resampled to an equirectangular frame")
    if layout.projection == TWO_EAC_STREAMS:
        notes.append(
            "its two video streams are put together and resampled to an equirectangular frame, as "
            "the halves of an equi-angular cubemap"
        )
    left, top, right, bottom = layout.bounds
    if layout.bounds != WHOLE_SPHERE:
        wide, high = 360 * (1 - left - right), 180 * (1 - top - bottom)
        notes.append(f"its picture covers {wide:.4g}°×{high:.4g}° of the sphere: the rest is black")
    if any(layout.pose):
        yaw, pitch, roll = (math.degrees(angle) for angle in layout.pose)
        notes.append(
            f"its sphere is turned by its pose: yaw {yaw:g}°, pitch {pitch:g}°, roll {roll:g}°"
        )
    if layout.first_look_deg is not None:
        yaw, pitch = layout.first_look_deg
        notes.append(
            f"its wish for a first view, yaw {yaw:g}° and pitch {pitch:g}°, is not followed"
        )
    return notes


def _looks_whole(size: tuple[int, int], shape: float, stereo: str | None) -> bool:
    width, height = size
    aspects = [width / height, width * shape / height]
    if stereo == SIDE_BY_SIDE:  # eyes of full or of half width
        aspects += [aspect / 2 for aspect in aspects]
    elif stereo == ABOVE:
        aspects += [aspect * 2 for aspect in aspects]
    return any(abs(aspect / _ASPECT - 1) <= _TOLERANCE for aspect in aspects)


_Found = tuple[str | None, Bounds, tuple[float, float, float]]


def _by_boxes(boxes: TrackBoxes) -> _Found:
    named = boxes.projection or ""
    projection = _BOXES.get(named, named)
    if named not in _BOXES and named != EQUIRECTANGULAR:
        projection = f"unknown here ({named})"
    if projection == CUBEMAP and boxes.layout:
        projection = f"a cubemap of layout {boxes.layout}"
    return projection, Bounds(*boxes.bounds), boxes.pose


def _by_side_data(frame: av.VideoFrame) -> _Found:
    """Read FFmpeg's ``AVSphericalMapping``."""
    data = side_data(frame, Type.SPHERICAL)
    if data is None or len(data) < 36:
        return None, WHOLE_SPHERE, (0.0, 0.0, 0.0)
    number, *angles, left, top, right, bottom, padding = struct.unpack_from("=i3i5I", data)
    yaw, pitch, roll = (math.radians(angle / 65536) for angle in angles)
    known = number < len(_PROJECTIONS)
    projection = _PROJECTIONS[number] if known else f"unknown here (number {number})"
    bounds = WHOLE_SPHERE
    if projection == _TILED:
        projection, bounds = EQUIRECTANGULAR, Bounds.from_fixed_point(left, top, right, bottom)
    elif projection == _HALF:
        projection, bounds = EQUIRECTANGULAR, HALF_SPHERE
    elif projection == CUBEMAP and padding:
        projection = f"a cubemap with {padding} pixels around its faces"
    return projection, bounds, (yaw, pitch, roll)


def _stereo(frame: av.VideoFrame) -> tuple[str | None, bool]:
    """Read FFmpeg's ``AVStereo3D``."""
    data = side_data(frame, Type.STEREO3D)
    if data is None or len(data) < 8:
        return None, False
    kind, flags = struct.unpack_from("=2i", data)
    return _STEREO.get(kind), bool(flags & 1)
