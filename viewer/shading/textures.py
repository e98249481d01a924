"""Textures and framebuffers of a plan, in the current context."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.shaders import WEIGHTS_WIDTH, Kind, Map
from nerv360.viewer.shading.context import ShaderContext
from nerv360.viewer.shading.failure import GraphicsError, graphics_errors

_ARRAYS = (Kind.FEATURES, Kind.EMBEDDING)
_FORMATS = {
    Kind.FEATURES: (GL.GL_RGBA16F, GL.GL_RGBA, GL.GL_HALF_FLOAT),
    Kind.EMBEDDING: (GL.GL_RGBA32F, GL.GL_RGBA, GL.GL_FLOAT),
    Kind.BYTES: (GL.GL_RGBA8, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE),
    Kind.COLOURS: (GL.GL_RGB8, GL.GL_RGB, GL.GL_UNSIGNED_BYTE),
    Kind.GREY: (GL.GL_R8, GL.GL_RED, GL.GL_UNSIGNED_BYTE),
}


class MapTexture:
    """Texture of a map, deleted when no reference is left.

    Attributes:
        id: OpenGL's name of it.
        released: fence that passes when the window has copied the texture; None if the window has
            not used it.
    """

    def __init__(self, context: ShaderContext, map_: Map) -> None:
        """Allocate it with undefined content.

        Raises:
            GraphicsError: there is not enough memory.
        """
        self.map = map_
        self.released: Any = None
        self.array = map_.kind in _ARRAYS
        self.target = GL.GL_TEXTURE_2D_ARRAY if self.array else GL.GL_TEXTURE_2D
        with graphics_errors():
            self.id = _new_texture(context, self, self.target)
            inside, outside, kind = _FORMATS[map_.kind]
            size = (map_.width, map_.height)
            if self.array:
                GL.glTexImage3D(self.target, 0, inside, *size, map_.layers, 0, outside, kind, None)
            else:
                GL.glTexImage2D(self.target, 0, inside, *size, 0, outside, kind, None)

    def put(self, values: npt.NDArray[Any]) -> None:
        """Upload ``values``: channels×height×width of an embedding, or height×width(×3) bytes."""
        if self.array:
            channels, height, width = values.shape
            padded = np.zeros((self.map.layers * 4, height, width), np.float32)
            padded[:channels] = values
            layers = padded.reshape(-1, 4, height, width).transpose(0, 2, 3, 1)
            values = np.ascontiguousarray(layers)
        _, outside, kind = _FORMATS[self.map.kind]
        size = (self.map.width, self.map.height)
        GL.glBindTexture(self.target, self.id)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        if self.array:
            GL.glTexSubImage3D(
                self.target, 0, 0, 0, 0, *size, self.map.layers, outside, kind, values
            )
        else:
            GL.glTexSubImage2D(self.target, 0, 0, 0, *size, outside, kind, values)

    def bind(self, unit: int) -> None:
        """Bind it to the texture unit ``unit``."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(self.target, self.id)


class Framebuffer:
    """Framebuffer of some layers of a map, deleted when no reference is left."""

    def __init__(
        self, context: ShaderContext, texture: MapTexture, layer: int = 0, count: int = 1
    ) -> None:
        """Create it for the results of a program.

        Raises:
            GraphicsError: such a texture cannot be drawn into here.
        """
        self.id = int(GL.glGenFramebuffers(1))
        weakref.finalize(self, context.drop, "Framebuffers", self.id)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.id)
        places = [GL.GL_COLOR_ATTACHMENT0 + k for k in range(count)]
        for k, place in enumerate(places):
            if texture.array:
                GL.glFramebufferTextureLayer(GL.GL_FRAMEBUFFER, place, texture.id, 0, layer + k)
            else:
                GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, place, GL.GL_TEXTURE_2D, texture.id, 0)
        GL.glDrawBuffers(count, places)
        status = GL.glCheckFramebufferStatus(GL.GL_FRAMEBUFFER)
        if status != GL.GL_FRAMEBUFFER_COMPLETE:
            what = "textures of half floats" if texture.array else "textures"
            raise GraphicsError(f"the driver cannot draw into {what} ({int(status):#06x})")


class WeightStore:
    """The matrices of a plan as a uniform buffer, and as a texture if programs read them so."""

    def __init__(
        self, context: ShaderContext, matrices: npt.NDArray[np.float32], textured: bool
    ) -> None:
        self._buffer = int(GL.glGenBuffers(1))
        weakref.finalize(self, context.drop, "Buffers", self._buffer)
        with graphics_errors():
            GL.glBindBuffer(GL.GL_UNIFORM_BUFFER, self._buffer)
            GL.glBufferData(GL.GL_UNIFORM_BUFFER, matrices.nbytes, matrices, GL.GL_STATIC_DRAW)
        self._texture = 0
        if not textured:
            return
        rows = -(-matrices.shape[0] * 4 // WEIGHTS_WIDTH)
        values = np.zeros((rows, WEIGHTS_WIDTH, 4), np.float32)
        values.reshape(-1)[: matrices.size] = matrices.reshape(-1)
        with graphics_errors():
            self._texture = _new_texture(context, self, GL.GL_TEXTURE_2D)
            GL.glTexImage2D(
                GL.GL_TEXTURE_2D, 0, GL.GL_RGBA32F, WEIGHTS_WIDTH, rows, 0,
                GL.GL_RGBA, GL.GL_FLOAT, values,
            )  # fmt: skip

    def bind_block(self, first: int, count: int) -> None:
        """Bind ``count`` matrices from ``first`` on as the uniform block."""
        GL.glBindBufferRange(GL.GL_UNIFORM_BUFFER, 0, self._buffer, first * 64, count * 64)

    def bind_texture(self, unit: int) -> None:
        """Bind all matrices as a texture to ``unit``."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(GL.GL_TEXTURE_2D, self._texture)


def _new_texture(context: ShaderContext, owner: object, target: Any) -> int:
    """Create a texture, read texel by texel, that is deleted with its owner."""
    name = int(GL.glGenTextures(1))
    weakref.finalize(owner, context.drop, "Textures", name)
    GL.glBindTexture(target, name)
    for parameter, value in (
        (GL.GL_TEXTURE_MIN_FILTER, GL.GL_NEAREST),
        (GL.GL_TEXTURE_MAG_FILTER, GL.GL_NEAREST),
        (GL.GL_TEXTURE_MAX_LEVEL, 0),
        (GL.GL_TEXTURE_WRAP_S, GL.GL_CLAMP_TO_EDGE),
        (GL.GL_TEXTURE_WRAP_T, GL.GL_CLAMP_TO_EDGE),
    ):
        GL.glTexParameteri(target, parameter, value)
    return name
