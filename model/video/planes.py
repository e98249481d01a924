"""Pictures as their codec stores them, for a shader that converts them to RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane

from nerv360.video.pixels import HD_HEIGHT

Plane = npt.NDArray[Any]
"""Values of uint8 or uint16."""
_Array = npt.NDArray[np.float64]

_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Shares of red and blue in luma, by FFmpeg's ``colorspace``."""

_UNTAGGED, _FULL = 2, 2

_ON_THE_LEFT = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")
"""Codecs whose chroma lies on every other luma value of a row; PyAV does not say where it lies."""


@dataclass(frozen=True)
class _Layout:
    """Layout of values in a pixel format: in the low bits, or shifted up; blue and red in turn."""

    bits: int = 8
    shift: int = 0
    interleaved: bool = False


_LAYOUTS = {
    **{f"yuv{each}p": _Layout() for each in (420, 422, 444)},
    **{f"yuvj{each}p": _Layout() for each in (420, 422, 444)},
    **{f"yuv{each}p10le": _Layout(10) for each in (420, 422, 444)},
    "nv12": _Layout(interleaved=True),
    "p010le": _Layout(10, 6, True),
}


@dataclass(frozen=True)
class Planes:
    """A picture's luma, and chroma at its own size.

    Attributes:
        luma, blue, red: height×width each; rows may lie further apart than they are long.
        matrix: 3×4, from (luma, blue, red, 1), as shares of the type's largest value, to RGB in
            0 to 1.
        scale, offset: from places in the picture to places in chroma, of x and y, both in 0 to 1.
    """

    luma: Plane
    blue: Plane
    red: Plane
    matrix: _Array
    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def of(cls, frame: av.VideoFrame, codec: str) -> Planes | None:
        """Return the planes of a picture of a codec; None if no matrix makes RGB of them."""
        layout = _LAYOUTS.get(frame.format.name)
        space = int(frame.colorspace)
        if space == _UNTAGGED:
            space = 1 if frame.height >= HD_HEIGHT else 5
        if layout is None or space not in _WEIGHTS:
            return None
        luma, *chroma = (_values(plane, layout) for plane in frame.planes)
        luma = luma[:, : frame.width]
        across, down = _chroma_size(frame)
        if layout.interleaved:
            both = np.ascontiguousarray(chroma[0][:, : 2 * across])
            blue, red = (np.ascontiguousarray(both[:, first::2]) for first in (0, 1))
        else:
            blue, red = (each[:, :across] for each in chroma)
        every = round(frame.width / across), round(frame.height / down)
        scale = frame.width / (every[0] * across), frame.height / (every[1] * down)
        left = (0.5 - 0.5 / every[0]) / across if codec in _ON_THE_LEFT else 0.0
        full = int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")
        return cls(luma, blue, red, _matrix(space, full, layout), scale, (left, 0.0))


def _values(plane: VideoPlane, layout: _Layout) -> Plane:
    """Return a plane's rows, with what follows them in memory."""
    kind = np.uint8 if layout.bits == 8 else np.uint16
    rows = np.frombuffer(memoryview(plane), kind)
    return rows.reshape(-1, plane.line_size // rows.itemsize)[: plane.height]


def _chroma_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return width and height of a picture's chroma."""
    component = frame.format.components[1]
    return component.width, component.height


def _matrix(space: int, full: bool, layout: _Layout) -> _Array:
    """Return `Planes.matrix` of a colour space and range."""
    red, blue = _WEIGHTS[space]
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / (1 - red - blue), -2 * (1 - red) * red / (1 - red - blue)],
            [1, 2 * (1 - blue), 0],
        ]
    )
    step = 2.0 ** (layout.bits - 8)
    top = 2.0**layout.bits - 1
    black, luma, chroma = (0.0, top, top) if full else (16 * step, 219 * step, 224 * step)
    scaled = to_rgb / [luma, chroma, chroma]
    moved = -scaled @ [black, 128 * step, 128 * step]
    largest = (255.0 if layout.bits == 8 else 65535.0) / 2**layout.shift
    return np.column_stack([scaled * largest, moved])
