"""Errors of a graphics context, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from OpenGL import GL
from OpenGL.error import GLError

from nerv360.errors import UnavailableError

_CONTEXT_LOST = 0x0507

_REASONS = {
    int(GL.GL_OUT_OF_MEMORY): "the graphics memory does not suffice",
    _CONTEXT_LOST: "the graphics driver has dropped its context",
}


class GraphicsError(UnavailableError):
    """Error: something cannot be drawn here, and why."""


@contextmanager
def graphics_errors() -> Iterator[None]:
    """Raise `GraphicsError` for OpenGL errors inside the block.

    OpenGL keeps errors until asked; PyOpenGL asks after each call only if the environment enables
    it.
    """
    try:
        yield
    except GLError as error:
        _drop_errors()
        raise GraphicsError(_reason(int(error.err))) from error
    code = int(GL.glGetError())
    if code:
        _drop_errors()
        raise GraphicsError(_reason(code))


def _drop_errors() -> None:
    # A lost context may report errors for ever.
    for _ in range(8):
        try:
            if not GL.glGetError():
                return
        except GLError:
            continue


def _reason(code: int) -> str:
    return _REASONS.get(code, f"OpenGL gives the error {code:#06x}")
