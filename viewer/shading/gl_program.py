"""Programs of OpenGL 3.3, and the uniform values that they were given last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.viewer.shading.failure import GraphicsError


class GlProgram:
    """Vertex and fragment shader, linked.

    Attributes:
        id: OpenGL's name of it.
    """

    def __init__(self, vertex: str, fragment: str, name: str = "its shader") -> None:
        """Compile and link.

        Args:
            vertex, fragment: the shaders' sources.
            name: of the program, for the error.

        Raises:
            GraphicsError: the driver refuses them.
        """
        self.id = int(GL.glCreateProgram())
        for kind, text in ((GL.GL_VERTEX_SHADER, vertex), (GL.GL_FRAGMENT_SHADER, fragment)):
            shader = GL.glCreateShader(kind)
            GL.glShaderSource(shader, text)
            GL.glCompileShader(shader)
            if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
                reason = _line(GL.glGetShaderInfoLog(shader))
                raise GraphicsError(f"the driver does not compile {name}: {reason}")
            GL.glAttachShader(self.id, shader)
            GL.glDeleteShader(shader)
        GL.glLinkProgram(self.id)
        if not GL.glGetProgramiv(self.id, GL.GL_LINK_STATUS):
            reason = _line(GL.glGetProgramInfoLog(self.id))
            raise GraphicsError(f"the driver does not link {name}: {reason}")
        self._places: dict[str, int] = {}
        self._values: dict[str, object] = {}

    def use(self) -> None:
        """Make it the current program."""
        GL.glUseProgram(self.id)

    # OpenGL ignores the values of uniforms that a program does not have.

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

    def set_integers(self, name: str, *values: int) -> None:
        """Set an ivec4."""
        if self._changes(name, values):
            GL.glUniform4i(self._place(name), *values)

    def set_vectors(self, name: str, values: npt.NDArray[np.float32]) -> None:
        """Set an array of vec4 from n×4 values."""
        GL.glUniform4fv(self._place(name), len(values), values)

    def set_matrix(self, name: str, matrix: npt.NDArray[np.float64]) -> None:
        """Set a mat3 from a 3×3 array that multiplies column vectors."""
        values = np.ascontiguousarray(matrix, np.float32)
        GL.glUniformMatrix3fv(self._place(name), 1, GL.GL_TRUE, values)

    def close(self) -> None:
        """Delete it."""
        GL.glDeleteProgram(self.id)

    def _changes(self, name: str, value: object) -> bool:
        """Store a uniform's new value and return True if it differs from the last one.

        This saves OpenGL calls: each one releases the interpreter lock.
        """
        changes = self._values.get(name) != value
        self._values[name] = value
        return changes

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = int(GL.glGetUniformLocation(self.id, name))
        return self._places[name]


def _line(log: bytes | str) -> str:
    text = log.decode(errors="replace") if isinstance(log, bytes) else log
    return next((line.strip() for line in text.splitlines() if line.strip()), "it gives no reason")
