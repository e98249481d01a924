"""Programs of a plan, compiled for OpenGL 3.3."""

from __future__ import annotations

from OpenGL import GL

from nerv360.shaders import FragmentShader, piece
from nerv360.viewer.shading.gl_program import GlProgram

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


class PassProgram(GlProgram):
    """One program of a plan; each sampler reads from its own unit."""

    def __init__(self, program: FragmentShader) -> None:
        """Compile and link it.

        Raises:
            GraphicsError: the driver refuses it.
        """
        super().__init__(HEADER + piece("whole.vert"), HEADER + program.source)
        self.use()
        for name, unit in _UNITS.items():
            self.set_integer(name, unit)
        if program.block:
            GL.glUniformBlockBinding(self.id, GL.glGetUniformBlockIndex(self.id, "Weights"), 0)


def unit_of(sampler: str) -> int:
    """Return the texture unit of a sampler."""
    return _UNITS[sampler]
