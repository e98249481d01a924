"""Comparison of two decoders: the split view, and the difference. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from OpenGL import GL

from nerv360.viewer.picture.gl import Texture, WindowProgram

GAIN = 8
"""Factor on the difference: 8 levels of 255 are shown as 64."""

_LEAST_SHARE = 0.05


class Split:
    """The window's right pane, with another decoder than the left.

    Attributes:
        decoder: name of the right decoder.
        difference: both decoders fill the window, which shows their difference.
    """

    def __init__(self, decoder: str, *, difference: bool = False) -> None:
        self.decoder = decoder
        self.difference = difference
        self._share = 0.5

    @property
    def share(self) -> float:
        """Position of the divider: 0 is the window's left edge, 1 the right."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)

    def extents(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return begin and end of both panes, as shares of the window's width."""
        return (0.0, self._share), (self._share, 1.0)


class Difference:
    """Draws the difference of two drawings, each rendered to a texture."""

    def __init__(self) -> None:
        self._textures = (Texture(), Texture())
        self._framebuffer = int(GL.glGenFramebuffers(1))
        self._vertices = int(GL.glGenVertexArrays(1))
        self._program = WindowProgram("camera_rays.vert", "difference.frag")
        self._program.use()
        self._program.set_vector("half_extent", 1.0, 1.0)
        self._program.set_number("gain", GAIN)
        for unit, name in enumerate(("first", "second")):
            self._program.set_integer(name, unit)

    def draw(self, drawings: Sequence[Callable[[], None]], width: int, height: int) -> None:
        """Draw the difference of two ``drawings``, ``width``×``height`` pixels, into the window."""
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self._framebuffer)
        try:
            for texture, drawing in zip(self._textures, drawings, strict=True):
                if texture.size != (height, width):
                    texture.allocate(height, width)
                GL.glFramebufferTexture2D(
                    GL.GL_FRAMEBUFFER, GL.GL_COLOR_ATTACHMENT0, GL.GL_TEXTURE_2D, texture.id, 0
                )
                drawing()
        finally:
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)
        self._program.use()
        for unit, texture in enumerate(self._textures):
            texture.bind(unit)
        GL.glBindVertexArray(self._vertices)
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glActiveTexture(GL.GL_TEXTURE0)

    def close(self) -> None:
        """Delete everything; the context must still be current."""
        for texture in self._textures:
            texture.close()
        self._program.close()
        GL.glDeleteFramebuffers(1, [self._framebuffer])
        GL.glDeleteVertexArrays(1, [self._vertices])


def other_decoder(decoders: tuple[str, ...], shown: tuple[str, ...], after: str) -> str | None:
    """Return the decoder after ``after``, in turn, that is not ``shown``, or None."""
    start = decoders.index(after) + 1
    turned = decoders[start:] + decoders[:start]
    return next((name for name in turned if name not in shown), None)
