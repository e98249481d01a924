"""A decoded picture as upright RGB: colours, size, and the display matrix of the file."""

from __future__ import annotations

import math
import struct
import threading
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

HD_HEIGHT = 720
# For shrinking and other scaling. Without full chroma swscale darkens pictures by about 2 of 255.
SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_SHRINKING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_LEAST_TURN_DEG = 1.0

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Orientation:
    """Display matrix of a file, as far as pictures follow it: first a transposition, then mirrors.

    Attributes:
        transposed: rows become columns.
        mirrored: left and right change places.
        flipped: top and bottom change places.
        rest_deg: degrees of a turn that are ignored, beyond quarter turns.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False
    rest_deg: float = 0.0

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Return the orientation that the file gives to this picture."""
        data = side_data(frame, Type.DISPLAYMATRIX)
        if data is None or len(data) < 36:
            return cls._of_turn(getattr(frame, "rotation", 0))
        a, b, _, c, d = struct.unpack_from("=5i", data)
        if a == b == c == d == 0:
            return cls()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            rest = math.degrees(math.atan2(abs(b), abs(a)))
            return cls(False, a < 0, d < 0, rest if rest > _LEAST_TURN_DEG else 0.0)
        rest = math.degrees(math.atan2(abs(a), abs(b)))
        return cls(True, c < 0, b < 0, rest if rest > _LEAST_TURN_DEG else 0.0)

    @classmethod
    def _of_turn(cls, rotation_deg: float) -> Orientation:
        quarters = round(rotation_deg / 90) % 4
        return (cls(), cls(True, False, True), cls(False, True, True), cls(True, True))[quarters]

    @property
    def is_plain(self) -> bool:
        """True if pictures stay as they are."""
        return not (self.transposed or self.mirrored or self.flipped)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the upright width and height of a coded picture's."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, picture: Pixels) -> Pixels:
        """Return a height×width×channels picture upright."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        if self.mirrored:
            picture = picture[:, ::-1]
        if self.flipped:
            picture = picture[::-1]
        return picture

    def notes(self) -> list[str]:
        """Return clauses on what is done with the display matrix."""
        notes = [] if self.is_plain else [f"its pictures are {self}, as its display matrix says"]
        if self.rest_deg:
            notes.append(f"its display matrix turns by {self.rest_deg:.3g}°, which is not followed")
        return notes

    def __str__(self) -> str:
        """Return its effect, for people; empty if it has none."""
        quarter = {
            (False, True, True): "turned by 180°",
            (True, True, False): "turned clockwise by 90°",
            (True, False, True): "turned counterclockwise by 90°",
            (False, True, False): "mirrored",
            (False, False, True): "turned upside down and mirrored",
            (True, False, False): "turned by 90° and mirrored",
            (True, True, True): "turned by 90° and mirrored",
        }
        return quarter.get((self.transposed, self.mirrored, self.flipped), "")


class _PerThread(threading.local):
    """The calling thread's converter."""

    def __init__(self) -> None:
        self.reformatter = VideoReformatter()


_OF_THREAD = _PerThread()


def reformatted(frame: av.VideoFrame, *arguments: Any, **options: Any) -> av.VideoFrame:
    """Convert a picture, with the arguments of PyAV's `VideoFrame.reformat`.

    That one leaves a converter with a thread for each core at every picture that is kept.
    """
    return _OF_THREAD.reformatter.reformat(frame, *arguments, **options)


def to_pixels(
    frame: av.VideoFrame, layout: str = "rgb24", size: tuple[int, int] | None = None
) -> Pixels:
    """Return a decoded picture, height×width×channels, not turned.

    Args:
        layout: ``rgb24``, or ``rgba`` with the same colours and alpha 255.
        size: width and height to scale it to.
    """
    # Pictures without a tag are taken as players take them: BT.709 from HD up, BT.601 below.
    untagged_hd = frame.colorspace == 2 and frame.height >= HD_HEIGHT
    width, height = size or (frame.width, frame.height)
    shrinks = width < frame.width and height < frame.height
    converted = reformatted(
        frame,
        width,
        height,
        format=layout,
        src_colorspace=Colorspace.ITU709 if untagged_hd else None,
        interpolation=_SHRINKING if shrinks else SCALING,
    )
    return np.asarray(converted.to_ndarray(), np.uint8)


def to_opaque(frame: av.VideoFrame, layout: str = "rgb24") -> Pixels:
    """Return a decoded picture with transparent pixels over black, as `to_pixels` does."""
    seen = to_pixels(frame, "rgba")
    alpha = seen[..., 3:].astype(np.uint16)
    opaque = ((seen[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return opaque if layout == "rgb24" else with_alpha(opaque)


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """Return a picture, height×width×3 or 4, at another size."""
    layout = "rgb24" if picture.shape[-1] == 3 else "rgba"
    if picture.shape[:2] != (height, width):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout)
        return to_pixels(frame, layout, (width, height))
    return np.ascontiguousarray(picture)


def encodable(picture: Pixels, size: tuple[int, int] | None = None) -> av.VideoFrame:
    """Return an RGB picture as yuv420p of BT.709, for an encoder.

    Args:
        size: width and height to scale it to.
    """
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = reformatted(
        frame,
        *(size or (frame.width, frame.height)),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        interpolation=SCALING,
    )
    frame.colorspace = frame.color_primaries = frame.color_trc = Colorspace.ITU709
    frame.color_range = ColorRange.MPEG
    return frame


def with_alpha(picture: Pixels) -> Pixels:
    """Return an RGB picture as RGBA with alpha 255."""
    return np.concatenate([picture, np.full_like(picture[..., :1], 255)], -1)


def side_data(frame: av.VideoFrame, kind: Type) -> bytes | None:
    """Return the picture's side data of one kind, or None if there is none or it cannot be read."""
    try:
        container: Any = frame.side_data  # its type hint knows motion vectors only
        return bytes(container[kind])
    except (KeyError, ValueError):  # ValueError: beside some that PyAV does not know
        return None
