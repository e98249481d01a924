"""OpenGL objects of the renderer. Main thread only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.viewer.paths import data_file


def largest_texture() -> int:
    """Return the largest width and height of a texture."""
    return int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE))


class Texture:
    """RGBA8 texture with bilinear filtering.

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

    def allocate(self, height: int, width: int) -> None:
        """Allocate a picture of this size, with undefined content."""
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.id)
        GL.glTexImage2D(
            GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0,
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


class ShaderProgram:
    """Vertex and fragment shader of the ``shaders`` folder, linked."""

    def __init__(self, vertex: str, *fragment: str) -> None:
        """Compile and link.

        Args:
            vertex: file name of the vertex shader.
            fragment: file names of the fragment shader's parts, in order.

        Raises:
            RuntimeError: the driver refuses them; its log is the message.
        """
        body = "\n".join(_shader(name) for name in fragment)
        stages = (
            (GL.GL_VERTEX_SHADER, vertex, _shader(vertex)),
            (GL.GL_FRAGMENT_SHADER, fragment[-1], f"#version 330 core\n{body}"),
        )
        self._id = GL.glCreateProgram()
        for kind, name, text in stages:
            shader = GL.glCreateShader(kind)
            GL.glShaderSource(shader, text)
            GL.glCompileShader(shader)
            if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
                raise RuntimeError(f"{name}: {GL.glGetShaderInfoLog(shader)}")
            GL.glAttachShader(self._id, shader)
            GL.glDeleteShader(shader)
        GL.glLinkProgram(self._id)
        if not GL.glGetProgramiv(self._id, GL.GL_LINK_STATUS):
            raise RuntimeError(f"{fragment[-1]}: {GL.glGetProgramInfoLog(self._id)}")
        self._places: dict[str, int] = {}
        self._values: dict[str, object] = {}

    def use(self) -> None:
        """Make it the current program."""
        GL.glUseProgram(self._id)

    def set_integer(self, name: str, value: int) -> None:
        """Set an int, or a sampler's texture unit."""
        if self._changes(name, value):
            GL.glUniform1i(self._place(name), value)

    def set_number(self, name: str, value: float) -> None:
        """Set a float."""
        if self._changes(name, value):
            GL.glUniform1f(self._place(name), value)

    def set_vector(self, name: str, *values: float) -> None:
        """Set a vec2 or a vec3."""
        if self._changes(name, values):
            setter = {2: GL.glUniform2f, 3: GL.glUniform3f}[len(values)]
            setter(self._place(name), *values)

    def set_matrix(self, name: str, matrix: npt.NDArray[np.float64]) -> None:
        """Set a mat3 from a 3×3 array that multiplies column vectors."""
        values = np.ascontiguousarray(matrix, np.float32)
        GL.glUniformMatrix3fv(self._place(name), 1, GL.GL_TRUE, values)

    def close(self) -> None:
        """Delete it."""
        GL.glDeleteProgram(self._id)

    def _changes(self, name: str, value: object) -> bool:
        """Store a uniform's new value and return True if it differs from the last one.

        This saves OpenGL calls: each one releases the interpreter lock.
        """
        changes = self._values.get(name) != value
        self._values[name] = value
        return changes

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = GL.glGetUniformLocation(self._id, name)
        return self._places[name]


def _shader(name: str) -> str:
    return data_file(f"shaders/{name}").read_text(encoding="utf-8")
