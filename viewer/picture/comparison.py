"""Comparison of two decoders: the split view, and the difference of its panes, for which each is
drawn for the whole window. Main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from OpenGL import GL

from viewer.picture.gl import ShaderProgram, Texture

GAIN = 8
"""Factor on the difference, so that one of 8 levels of 255 is seen as 64."""

_LEAST_SHARE = 0.05


class Split:
    """Right pane of the window, decoded by another decoder than the left.

    Attributes:
        decoder: the name of the one on the right.
        difference: both fill the window, which shows how far they are apart.
    """

    def __init__(self, decoder: str, *, difference: bool = False) -> None:
        self.decoder = decoder
        self.difference = difference
        self._share = 0.5

    @property
    def share(self) -> float:
        """Place of the divider: 0 is the window's left edge, 1 the right."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)

    def extents(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Begin and end of both panes, as shares of the window's width."""
        return (0.0, self._share), (self._share, 1.0)


class Difference:
    """Draws the difference of two drawings, through a texture for each."""

    def __init__(self) -> None:
        self._textures = (Texture(), Texture())
        self._framebuffer = int(GL.glGenFramebuffers(1))
        self._vertices = int(GL.glGenVertexArrays(1))
        self._program = ShaderProgram("camera_rays.vert", "difference.frag")
        self._program.use()
        self._program.set_vector("half_extent", 1.0, 1.0)
        self._program.set_number("gain", GAIN)
        for unit, name in enumerate(("first", "second")):
            self._program.set_integer(name, unit)

    def draw(self, drawings: Sequence[Callable[[], None]], width: int, height: int) -> None:
        """Draw the difference of what two ``drawings`` put into a framebuffer, into the
        window's own of ``width``×``height`` pixels.
        """
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
    """The next of ``decoders`` in turn after ``after`` that is not among ``shown``, or nothing."""
    start = decoders.index(after) + 1
    turned = decoders[start:] + decoders[:start]
    return next((name for name in turned if name not in shown), None)
