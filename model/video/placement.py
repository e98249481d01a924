"""Placement of a coded picture on the sphere, and its full equirectangular (ERP) frame.

`Placement` says how the pixels lie, as a file declares it. `Placer` resamples pictures of one size
by it: its map is computed once for a clip's thousands of pictures.

    placement = Placement(bounds=Bounds(0.25, 0, 0.25, 0), part=eye_part("side by side", "left"))
    placer = Placer(placement, picture_size, placement.frame_size(*picture_size))
    frame = placer.place(picture)        # uint8, black where placer.covered is False
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.errors import InputError
from model.geometry import Look, directions_to_angles, erp_directions
from model.video.cube_faces import CUBEMAP_FACES, EAC_FACES, Atlas, Cube

Projection = Literal["equirectangular", "cubemap", "equi-angular cubemap"]
Eye = Literal["left", "right"]

ASPECT_TOLERANCE = 0.02
"""Pictures of the whole sphere this near to 2:1 keep their own size."""

_BAND_PIXELS = 2**20
"""Pixels that are sampled at once: their floats are small beside the frame."""


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
    def from_pixels(cls, full: tuple[int, int], crop: tuple[int, int, int, int]) -> Bounds:
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

    @property
    def is_plain(self) -> bool:
        """The picture is the whole sphere's frame as it is."""
        return self == Placement()

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
        return _inside(self.bounds, *self._seen(height, width))

    def _seen(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Longitude and latitude in the picture of an ERP frame's pixels."""
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


class Placer:
    """Resampler of pictures of one size to an ERP frame of another.

    Attributes:
        covered: bool, height×width, which pixels have a picture; None if all have.
    """

    def __init__(
        self, placement: Placement, picture_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        """Compute the map, 8 bytes a pixel of the frame; none if nothing is resampled.

        Args:
            picture_size: height and width of the pictures, all their parts included.
            size: height and width of the frame.

        Raises:
            ValueError: a picture of this size cannot be cut into the faces of a cubemap.
        """
        self._size, self._rows_and_columns = size, placement.part.cut(*picture_size)
        rows, columns = self._rows_and_columns
        part_size = rows.stop - rows.start, columns.stop - columns.start
        self.covered = placement.covered(*size)
        self._sheet: _Sheet | None = None
        if size != part_size or placement != Placement(part=placement.part):
            kind = _EquirectangularSheet if placement.cube is None else _CubeSheet
            self._sheet = kind(placement, part_size, size)

    def place(self, picture: Tensor) -> Tensor:
        """Return the ERP frame of a picture, uint8 H×W×C both, black where it is not covered.

        Samples are bilinear, and antialiased if the frame is smaller than the picture.
        """
        picture = picture[self._rows_and_columns]
        if self._sheet is None:
            return picture
        sheet = self._sheet.build(picture.permute(2, 0, 1))[None].float()
        frame = torch.empty(*self._size, picture.shape[-1], dtype=torch.uint8)
        band = max(1, _BAND_PIXELS // self._size[1])
        for top in range(0, self._size[0], band):
            grid = self._sheet.grid[None, top : top + band]
            samples = F.grid_sample(sheet, grid, padding_mode="border", align_corners=False)[0]
            frame[top : top + band] = samples.round_().clamp_(0, 255).byte().permute(1, 2, 0)
        if self.covered is not None:
            frame *= self.covered[..., None]
        return frame


class _Sheet:
    """Picture from which bilinear samples need no regard for edges.

    Attributes:
        grid: for `grid_sample`, H×W×2, where each pixel of the frame lies in the sheet.
    """

    grid: Tensor

    def __init__(
        self, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> None: ...

    def build(self, picture: Tensor) -> Tensor:
        """Return the sheet of a C×H×W picture."""
        raise NotImplementedError


class _EquirectangularSheet(_Sheet):
    """ERP picture, continued over ±180° and the poles, and then reduced."""

    def __init__(
        self, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        (height, width), (left, top, right, bottom) = part_size, placement.bounds
        full_height, full_width = height / (1 - top - bottom), width / (1 - left - right)
        ratios = max(full_height / size[0], 1.0), max(full_width / size[1], 1.0)
        # So many pixels reach into a reduced one, on either side.
        rows, columns = (min(math.ceil(2 * r), n) for r, n in zip(ratios, part_size, strict=True))
        whole = left == right == 0
        self._columns = columns if whole else 0
        self._above = rows if whole and top == 0 else 0
        self._below = rows if whole and bottom == 0 else 0
        padded = height + self._above + self._below, width + 2 * self._columns
        self._reduced = tuple(round(side / r) for side, r in zip(padded, ratios, strict=True))
        self._padded = padded
        longitude, latitude = placement._seen(*size)
        x = (longitude / (2 * math.pi) + 0.5 - left) * full_width + self._columns
        y = (0.5 - latitude / math.pi - top) * full_height + self._above
        self.grid = torch.stack([x * (2 / padded[1]) - 1, y * (2 / padded[0]) - 1], -1)

    def build(self, picture: Tensor) -> Tensor:
        half = picture.shape[-1] // 2
        above = picture[:, : self._above].flip(1).roll(half, 2)
        below = picture[:, picture.shape[1] - self._below :].flip(1).roll(half, 2)
        padded = torch.cat([above, picture, below], 1)
        if self._columns:
            last, first = padded[..., -self._columns :], padded[..., : self._columns]
            padded = torch.cat([last, padded, first], 2)
        return _reduced(padded[None], *self._reduced)[0]


class _CubeSheet(_Sheet):
    """Faces of a cubemap, reduced, in an atlas."""

    def __init__(
        self, placement: Placement, part_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        assert placement.cube is not None
        self._cube = placement.cube
        # In the middle of a flat face a radian has half of its pixels.
        enough = math.ceil(max(size[0] * 2, size[1]) / math.pi)
        face = self._cube.face_size(*part_size)
        self._face = min(face[0], enough), min(face[1], enough)
        self._atlas = Atlas(self._cube, *self._face)
        position = self._atlas.positions(*self._cube.locate(placement.seen_directions(*size)))
        height, width = 6 * (self._face[0] + 2), self._face[1] + 2
        self.grid = torch.stack([position[0] * (2 / width) - 1, position[1] * (2 / height) - 1], -1)

    def build(self, picture: Tensor) -> Tensor:
        return self._atlas.build(_reduced(self._cube.cut(picture), *self._face))


def _reduced(pictures: Tensor, height: int, width: int) -> Tensor:
    """Reduce N×C×H×W uint8 pictures, antialiased."""
    if pictures.shape[2:] == (height, width):
        return pictures
    return F.interpolate(pictures, (height, width), mode="bilinear", antialias=True)


def _inside(bounds: Bounds, longitude: Tensor, latitude: Tensor) -> Tensor:
    """Which angles lie inside the bounds."""
    x, y = longitude / (2 * math.pi) + 0.5, 0.5 - latitude / math.pi
    left, top, right, bottom = bounds
    return (x >= left) & (x <= 1 - right) & (y >= top) & (y <= 1 - bottom)
