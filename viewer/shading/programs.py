"""Programs of a plan, compiled for OpenGL 3.3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.shaders import FragmentShader, piece
from nerv360.viewer.shading.failure import GraphicsError

HEADER = "#version 330 core\n"
"""Prepended to each source of a plan; OpenGL's default precision is already high."""

_UNITS = {
    name: unit
    for unit, name in enumerate(
        (
            *("source", "source_more", "base", "base_more", "finer", "weights"),
            *("picture", "still", "motion", "cells", "gate"),
        )
    )
}


class PassProgram:
    """One program and the uniform values last set."""

    def __init__(self, program: FragmentShader) -> None:
        """Compile and link it; each sampler reads from its own unit.

        Raises:
            GraphicsError: the driver refuses it.
        """
        self.id = int(GL.glCreateProgram())
        for kind, text in (
            (GL.GL_VERTEX_SHADER, piece("whole.vert")),
            (GL.GL_FRAGMENT_SHADER, program.source),
        ):
            shader = GL.glCreateShader(kind)
            GL.glShaderSource(shader, HEADER + text)
            GL.glCompileShader(shader)
            if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
                reason = _line(GL.glGetShaderInfoLog(shader))
                raise GraphicsError(f"the driver does not compile its shader: {reason}")
            GL.glAttachShader(self.id, shader)
            GL.glDeleteShader(shader)
        GL.glLinkProgram(self.id)
        if not GL.glGetProgramiv(self.id, GL.GL_LINK_STATUS):
            reason = _line(GL.glGetProgramInfoLog(self.id))
            raise GraphicsError(f"the driver does not link its shader: {reason}")
        self._places: dict[str, int] = {}
        self._values: dict[str, object] = {}
        GL.glUseProgram(self.id)
        for name, unit in _UNITS.items():
            if self._place(name) >= 0:
                GL.glUniform1i(self._place(name), unit)
        if program.block:
            GL.glUniformBlockBinding(self.id, GL.glGetUniformBlockIndex(self.id, "Weights"), 0)

    def use(self) -> None:
        """Make it the current program."""
        GL.glUseProgram(self.id)

    def set_integer(self, name: str, value: int) -> None:
        """Set an int uniform, if the program has it."""
        if self._values.get(name) != value:
            self._values[name] = value
            if self._place(name) >= 0:
                GL.glUniform1i(self._place(name), value)

    def set_vectors(self, name: str, values: npt.NDArray[np.float32]) -> None:
        """Set an array of vec4 from n×4 values."""
        GL.glUniform4fv(self._place(name), len(values), values)

    def set_look(self, rotation: npt.NDArray[np.float32], half_extent: Sequence[float]) -> None:
        """Set the look's rotation, 3×3, and the tangents of half its fields of view."""
        if self._place("look") >= 0:
            GL.glUniformMatrix3fv(self._place("look"), 1, GL.GL_TRUE, rotation)
        if self._place("half_extent") >= 0:
            GL.glUniform2f(self._place("half_extent"), *half_extent)

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = int(GL.glGetUniformLocation(self.id, name))
        return self._places[name]


def unit_of(sampler: str) -> int:
    """Return the texture unit of a sampler."""
    return _UNITS[sampler]


def _line(log: bytes | str) -> str:
    text = log.decode(errors="replace") if isinstance(log, bytes) else log
    return next((line.strip() for line in text.splitlines() if line.strip()), "it gives no reason")
