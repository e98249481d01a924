"""Pictures in textures, and copying them into the window's texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from OpenGL import GL

from nerv360.decoding import Picture

if TYPE_CHECKING:
    from nerv360.viewer.shading.textures import MapTexture


@dataclass(frozen=True, kw_only=True)
class TexturePicture(Picture):
    """A picture whose pixels are only in a texture; `Picture.pixels` is empty.

    Attributes:
        texture: RGBA, row 0 on top, finished, in a context that shares textures with the window.
        extent: its height and width.
    """

    texture: MapTexture
    extent: tuple[int, int]


class Target(Protocol):
    """A texture of the window, such as `nerv360.viewer.picture.Texture`."""

    id: int
    size: tuple[int, int]

    def allocate(self, height: int, width: int) -> None:
        """Allocate storage of this size."""


class TextureCopy:
    """Copies pictures from texture to texture, on the thread of the window's context.

    Attributes:
        name: shown by the overlay.
    """

    name = "texture to texture"

    def __init__(self) -> None:
        self._framebuffers: list[int] = []

    def copy(self, target: Target, picture: TexturePicture) -> None:
        """Copy a picture into ``target``, which takes its size.

        The next drawing into the picture's texture waits for the copy.
        """
        if not self._framebuffers:
            self._framebuffers = [int(name) for name in GL.glGenFramebuffers(2)]
        height, width = picture.extent
        if target.size != picture.extent:
            target.allocate(height, width)
        places = (GL.GL_READ_FRAMEBUFFER, GL.GL_DRAW_FRAMEBUFFER)
        names = (picture.texture.id, target.id)
        try:
            for place, framebuffer, name in zip(places, self._framebuffers, names, strict=True):
                GL.glBindFramebuffer(place, framebuffer)
                GL.glFramebufferTexture2D(place, GL.GL_COLOR_ATTACHMENT0, GL.GL_TEXTURE_2D, name, 0)
            area = (0, 0, width, height)
            GL.glBlitFramebuffer(*area, *area, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
        finally:
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)
        _release(picture.texture)

    def close(self) -> None:
        """Free the framebuffers."""
        if self._framebuffers:
            GL.glDeleteFramebuffers(len(self._framebuffers), self._framebuffers)
        self._framebuffers = []


def _release(texture: MapTexture) -> None:
    before: Any = texture.released
    texture.released = GL.glFenceSync(GL.GL_SYNC_GPU_COMMANDS_COMPLETE, 0)
    GL.glFlush()  # Otherwise the other context might wait for ever.
    if before is not None:
        GL.glDeleteSync(before)
