"""OpenGL objects of the renderer. Main thread only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.viewer.paths import data_file
from nerv360.viewer.shading import GlProgram


def largest_texture() -> int:
    """Return the largest width and height of a texture."""
    return int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE))


class Texture:
    """Texture with bilinear filtering, RGBA8 by default.

    Attributes:
        id: OpenGL's name of it.
        size: height and width; (0, 0) until `allocate`.
    """

    def __init__(self, *, wraps: bool = False, levels: bool = False) -> None:
        """Create an empty texture.

        Args:
            wraps: it continues on the other side horizontally, like the sphere.
            levels: `put` also makes mipmaps.
        """
        self.id = int(GL.glGenTextures(1))
        self.size = (0, 0)
        self._levels = levels
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.id)
        across = GL.GL_REPEAT if wraps else GL.GL_CLAMP_TO_EDGE
        for name, value in (
            (GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR_MIPMAP_LINEAR if levels else GL.GL_LINEAR),
            (GL.GL_TEXTURE_MAG_FILTER, GL.GL_LINEAR),
            (GL.GL_TEXTURE_MAX_LEVEL, 1000 if levels else 0),
            (GL.GL_TEXTURE_WRAP_S, across),
            (GL.GL_TEXTURE_WRAP_T, GL.GL_CLAMP_TO_EDGE),
        ):
            GL.glTexParameteri(GL.GL_TEXTURE_2D, name, value)

    def allocate(self, height: int, width: int, stored: int = GL.GL_RGBA8) -> None:
        """Allocate a picture of this size and format, with undefined content."""
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.id)
        GL.glTexImage2D(
            GL.GL_TEXTURE_2D, 0, stored, width, height, 0,
            GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None,
        )  # fmt: skip
        self.size = (height, width)

    def put(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Upload ``pixels``, contiguous: height×width×4 RGBA, or ×3 opaque RGB."""
        height, width, channels = pixels.shape
        self.allocate(height, width)
        kind = GL.GL_RGBA if channels == 4 else GL.GL_RGB
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glTexSubImage2D(
            GL.GL_TEXTURE_2D, 0, 0, 0, width, height, kind, GL.GL_UNSIGNED_BYTE, pixels
        )
        if self._levels:
            GL.glGenerateMipmap(GL.GL_TEXTURE_2D)

    def clear(self) -> None:
        """Replace the content by one transparent pixel."""
        self.put(np.zeros((1, 1, 4), np.uint8))

    def bind(self, unit: int) -> None:
        """Bind it to the texture unit ``unit``."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.id)

    def close(self) -> None:
        """Delete it."""
        GL.glDeleteTextures([self.id])


class WindowProgram(GlProgram):
    """Program of shaders in the ``shaders`` folder."""

    def __init__(self, vertex: str, *fragment: str) -> None:
        """Compile and link.

        Args:
            vertex: file name of the vertex shader.
            fragment: file names of the fragment shader's parts, in order.

        Raises:
            GraphicsError: the driver refuses them.
        """
        body = "\n".join(_shader(name) for name in fragment)
        super().__init__(_shader(vertex), f"#version 330 core\n{body}", fragment[-1])


def _shader(name: str) -> str:
    return data_file(f"shaders/{name}").read_text(encoding="utf-8")
