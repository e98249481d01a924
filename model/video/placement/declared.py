"""Declarations of files about how the pixels of a picture lie on the sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.geometry import Look, directions_to_angles, erp_directions
from nerv360.video.placement.cube_faces import CUBEMAP_FACES, EAC_FACES, Cube

Projection = Literal["equirectangular", "cubemap", "equi-angular cubemap"]
Eye = Literal["left", "right"]

ASPECT_TOLERANCE = 0.02
"""Pictures of the whole sphere this near to 2:1 keep their own size."""


class Bounds(NamedTuple):
    """Parts of a whole ERP frame that are cropped away at its edges, each from 0 to 1."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    @classmethod
    def from_fixed_point(cls, left: int, top: int, right: int, bottom: int) -> Bounds:
        """Read bounds as the `equi` box and FFmpeg's AVSphericalMapping have them, in 0.32 bits."""
        return cls(*(value / 2**32 for value in (left, top, right, bottom)))

    @classmethod
    def from_pixels(cls, full: tuple[float, ...], crop: tuple[float, ...]) -> Bounds:
        """Read bounds as CroppedArea… of V1 and GPano metadata has them.

        Args:
            full: width and height of the whole frame (FullPano…Pixels).
            crop: left, top, width and height of the picture in it.
        """
        left, top, width, height = crop
        right, bottom = full[0] - left - width, full[1] - top - height
        return cls(left / full[0], top / full[1], right / full[0], bottom / full[1])


WHOLE_SPHERE = Bounds()
HALF_SPHERE = Bounds(0.25, 0.0, 0.25, 0.0)
"""The half in front: VR180, FFmpeg's "half equirectangular"."""


class Part(NamedTuple):
    """Rectangle of a picture in fractions of its width and height."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def cut(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns of this part in a picture of ``height``×``width``."""
        top, left = round(self.top * height), round(self.left * width)
        bottom = round((self.top + self.height) * height)
        right = round((self.left + self.width) * width)
        return slice(top, bottom), slice(left, right)


WHOLE_PICTURE = Part()


def eye_part(arrangement: Literal["side by side", "top and bottom"], eye: Eye) -> Part:
    """Return the part of a stereo picture that one eye sees: left eye left, or on top."""
    offset = 0.0 if eye == "left" else 0.5
    if arrangement == "side by side":
        return Part(left=offset, width=0.5)
    return Part(top=offset, height=0.5)


@dataclass(frozen=True)
class Placement:
    """Declaration of how the pixels of a picture lie on the sphere.

    Attributes:
        projection: of the picture, or of the ``part`` of it that counts.
        bounds: of the whole ERP frame, what the picture does not have; equirectangular only.
        yaw: in radians, turns the picture's middle to the right of the front; then
        pitch: turns it upwards; then
        roll: tilts it clockwise. These are the pose of the `prhd` box, of FFmpeg's
            AVSphericalMapping and of GPano's PoseHeading, PosePitch and PoseRoll.
        part: of the picture, one eye's.
        padding: pixels around each face of a cubemap that belong to none.

    Raises:
        ValueError: bounds leave no picture, or a value is not finite.
    """

    projection: Projection = "equirectangular"
    bounds: Bounds = WHOLE_SPHERE
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    part: Part = WHOLE_PICTURE
    padding: int = 0

    def __post_init__(self) -> None:
        left, top, right, bottom = self.bounds
        if min(self.bounds) < 0 or not (left + right < 1 and top + bottom < 1):
            raise ValueError(f"bounds {tuple(self.bounds)} leave no picture")
        if not all(map(math.isfinite, self.pose)) or self.padding < 0:
            raise ValueError("pose and padding must be finite, and padding no less than 0")

    @property
    def pose(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in radians."""
        return self.yaw, self.pitch, self.roll

    @property
    def cube(self) -> Cube | None:
        """Arrangement of the cubemap's faces; None for an equirectangular picture."""
        if self.projection == "equirectangular":
            return None
        flat = self.projection == "cubemap"
        return Cube(CUBEMAP_FACES if flat else EAC_FACES, not flat, self.padding)

    def frame_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the ERP frame that keeps a picture's resolution.

        It is twice as wide as high, or the size that the picture has where that is nearly so.

        Raises:
            ValueError: the picture cannot be cut into the faces of a cubemap.
        """
        rows, columns = self.part.cut(height, width)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if self.cube is not None:
            face = max(self.cube.face_size(height, width))
            return 2 * face, 4 * face
        left, top, right, bottom = self.bounds
        full_height, full_width = height / (1 - top - bottom), width / (1 - left - right)
        if abs(full_width / full_height / 2 - 1) <= ASPECT_TOLERANCE:
            return round(full_height), round(full_width)
        height = round(max(full_height, full_width / 2))
        return height, 2 * height

    def covered(self, height: int, width: int) -> Tensor | None:
        """Return which pixels of an ERP frame have a picture, bool; None if all have."""
        if self.bounds == WHOLE_SPHERE:
            return None
        return _inside(self.bounds, *self.seen_angles(height, width))

    def seen_angles(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Return the longitude and latitude in the picture of an ERP frame's pixels, H×W each."""
        return directions_to_angles(self.seen_directions(height, width))

    def seen_directions(self, height: int, width: int) -> Tensor:
        """Return the directions in the picture's own axes of an ERP frame's pixels, H×W×3."""
        directions = erp_directions(height, width)
        if self.pose == (0.0, 0.0, 0.0):
            return directions
        turned, level = Look(*self.pose).rotation(), Look().rotation()
        return directions @ torch.as_tensor(turned @ level.T).float()


def two_eac_streams(height: int, width: int, name: str) -> Placement:
    """Return the placement of an action camera's two streams, one picture above the other.

    Put their pictures together with `torch.cat` along the rows, the first stream's on top.

    Args:
        height: of a stream's picture in pixels.
        width: of a stream's picture in pixels.
        name: of the file.

    Raises:
        InputError: a picture is not three square faces: some cameras store columns twice where
            their lenses meet, and nothing in the file says which.
    """
    if width != 3 * height:
        raise InputError(
            f"{name} holds two equi-angular streams of {width}x{height}, which are not three "
            f"square faces each: columns are stored twice, and the file does not say which; give "
            f"an equirectangular video from the camera's own program"
        )
    return Placement("equi-angular cubemap")


def _inside(bounds: Bounds, longitude: Tensor, latitude: Tensor) -> Tensor:
    """Return which angles lie inside the bounds."""
    x, y = longitude / (2 * math.pi) + 0.5, 0.5 - latitude / math.pi
    left, top, right, bottom = bounds
    return (x >= left) & (x <= 1 - right) & (y >= top) & (y <= 1 - bottom)
