"""Pictures in the planes of their file, converted by a shader. Main thread only."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.viewer.picture.gl import Texture, WindowProgram

if TYPE_CHECKING:
    from nerv360.video import Plane, Planes

_OVERVIEW_WIDTH = 512


class PlaneTextures:
    """Textures of the newest picture's planes; every texture continues around the sphere.

    Attributes:
        size: height and width of its luma; (0, 0) without a picture.
    """

    name = "planes to textures"

    def __init__(self) -> None:
        self._planes: Planes | None = None
        self._textures = [Texture(wraps=True) for _ in range(3)]
        self._overview = Texture(wraps=True)
        self._summed_up = False

    def show(self, planes: Planes) -> None:
        """Upload a picture; its planes are not read after the next one."""
        for texture, plane in zip(self._textures, _parts(planes), strict=True):
            _put(texture, plane)
        self._planes, self._summed_up = planes, False

    def bind(self, program: WindowProgram) -> None:
        """Bind the textures, and set what the shader needs of the picture."""
        planes = self._planes
        assert planes is not None
        for unit, (name, texture) in enumerate(
            zip(("luma", "blue", "red"), self._textures, strict=True)
        ):
            program.set_integer(name, unit)
            texture.bind(unit)
        program.set_matrix("to_rgb", planes.matrix[:, :3])
        program.set_vector("moved", *planes.matrix[:, 3])
        program.set_vector("chroma_scale", *planes.scale)
        program.set_vector("chroma_offset", *planes.offset)

    def overview(self) -> Texture:
        """Return a small texture of the whole picture in RGB."""
        if not self._summed_up and self._planes is not None:
            self._overview.put(_reduced(self._planes))
            self._summed_up = True
        return self._overview

    def close(self) -> None:
        """Delete the textures."""
        for texture in (*self._textures, self._overview):
            texture.close()


def coarser(planes: Planes, step: int) -> Planes:
    """Return one value in ``step`` of each plane, in both directions."""
    luma, blue, red = (plane[::step, ::step] for plane in _parts(planes))
    return replace(planes, luma=luma, blue=blue, red=red)


def _parts(planes: Planes) -> Iterator[Plane]:
    yield from (planes.luma, planes.blue, planes.red)


def _put(texture: Texture, plane: Plane) -> None:
    if plane.strides[1] != plane.itemsize:
        plane = np.ascontiguousarray(plane)
    stored, kind = (
        (GL.GL_R8, GL.GL_UNSIGNED_BYTE)
        if plane.itemsize == 1
        else (GL.GL_R16, GL.GL_UNSIGNED_SHORT)
    )
    height, width = plane.shape
    texture.allocate(height, width, stored)
    GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
    GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, plane.strides[0] // plane.itemsize)
    address = ctypes.c_void_p(plane.ctypes.data)
    GL.glTexSubImage2D(GL.GL_TEXTURE_2D, 0, 0, 0, width, height, GL.GL_RED, kind, address)
    GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, 0)


def _reduced(planes: Planes) -> npt.NDArray[np.uint8]:
    """Return a picture of at most `_OVERVIEW_WIDTH` pixels' width, height×width×3."""
    height, width = planes.luma.shape
    step = math.ceil(width / _OVERVIEW_WIDTH)
    rows, columns = -(-height // step), -(-width // step)
    largest = np.iinfo(planes.luma.dtype).max
    stored = [
        plane[np.arange(rows) * plane.shape[0] // rows][
            :, np.arange(columns) * plane.shape[1] // columns
        ]
        for plane in _parts(planes)
    ]
    values = np.stack([*stored], -1) / largest
    rgb = values @ planes.matrix[:, :3].T + planes.matrix[:, 3]
    return np.ascontiguousarray((rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8))
