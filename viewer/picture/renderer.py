"""Renderer of one pane: turns the newest picture to the newest look by the time-warp shader."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.decoding import Picture, PlanesPicture
from nerv360.geometry import Look, level_of_detail
from nerv360.viewer.picture.gl import Texture, WindowProgram, largest_texture
from nerv360.viewer.picture.planes import PlaneTextures, coarser
from nerv360.viewer.picture.still import Compositing
from nerv360.viewer.picture.upload import PixelBufferUpload, Upload
from nerv360.viewer.shading import TextureCopy, TexturePicture

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CLEAR_COLOUR = (0.055, 0.06, 0.07)
_FEATHER = 0.02


class Renderer:
    """Draws the newest picture at the newest look, no matter when it was decoded.

    Attributes:
        upload: how pictures get into their texture, unless they are in one already.
        upload_name: how the newest picture got there.
        picture: the newest picture, or None; its pixels may have been overwritten.
        shown: number of pictures so far.
        backgrounds_shown: number of backgrounds so far.
        upload_s: seconds of the newest upload.
        background: texture of the sphere around the picture.
        still: the still panorama behind the picture, instead of a background, or None; its owner
            closes the texture.
        limit: largest width and height of a texture.
        notice: one sentence if pictures cannot be shown at full size; the reader sets it to None.
    """

    def __init__(self, upload: Upload | None = None) -> None:
        self.upload: Upload = upload or PixelBufferUpload()
        self.upload_name = self.upload.name
        self._copy = TextureCopy()
        self.picture: Picture | None = None
        self.shown = 0
        self.backgrounds_shown = 0
        self.upload_s = 0.0
        self.notice: str | None = None
        self.limit = largest_texture()
        self.still: Texture | None = None
        self._coarse = False
        self._planes = PlaneTextures()
        self._background_upload = PixelBufferUpload()
        self._viewport = Texture()
        self._panorama = Texture(wraps=True)
        self._nothing = Texture()
        self._nothing.clear()
        self.background = Texture(wraps=True)
        self.background.clear()
        shared = ("camera_rays.vert", "equirectangular.glsl", "composite.glsl")
        self._timewarp = WindowProgram(*shared, "timewarp.frag")
        self._panorama_cut = WindowProgram(*shared, "panorama.frag")
        self._planes_cut = WindowProgram(*shared[:2], "planes.frag")
        self._vertices = int(GL.glGenVertexArrays(1))
        self._set_constants()

    def show(self, picture: Picture) -> None:
        """Show ``picture`` from the next `draw` on; its pixels are not read afterwards."""
        target = self._panorama if picture.equirectangular else self._viewport
        started = time.perf_counter()
        if isinstance(picture, TexturePicture):
            self.upload.release(target)
            self._copy.copy(target, picture)
            self.upload_name = self._copy.name
        elif isinstance(picture, PlanesPicture):
            step = self._step(*picture.planes.luma.shape)
            self._planes.show(coarser(picture.planes, step) if step > 1 else picture.planes)
            self.upload_name = self._planes.name
        else:
            self.upload.upload(target, *self._fitting(picture))
            self.upload_name = self.upload.name
        self.upload_s = time.perf_counter() - started
        self.picture = picture
        self.shown += 1

    def show_background(self, pixels: Tensor) -> None:
        """Show ``pixels``, premultiplied equirectangular RGBA, around the picture."""
        self._background_upload.upload(self.background, pixels)
        self.backgrounds_shown += 1

    def clear_background(self) -> None:
        """Remove the background."""
        self.background.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.picture = self.still = None
        self.clear_background()

    def _fitting(self, picture: Picture) -> tuple[Tensor, torch.cuda.Event | None]:
        """Return the pixels, reduced to a texture's largest size, and the event to wait for."""
        height, width, _ = picture.pixels.shape
        step = self._step(height, width)
        if step == 1:
            return picture.pixels, picture.ready
        if picture.ready is not None:
            picture.ready.synchronize()
        return picture.pixels[::step, ::step].contiguous(), None

    def _step(self, height: int, width: int) -> int:
        """Return 1 if a picture fits into a texture; else n, to show one pixel in n."""
        step = math.ceil(max(height, width) / self.limit)
        if step > 1 and not self._coarse:
            self._coarse = True
            self.notice = (
                f"A picture of {width}×{height} is larger than the {self.limit}×{self.limit} that "
                f"OpenGL takes here: one pixel in {step} is shown in each direction."
            )
        return step

    @property
    def spheres(self) -> tuple[Texture, ...]:
        """Textures of the whole sphere, each to be blended over the one before by its alpha."""
        whole = self.picture is not None and self.picture.equirectangular
        behind = (self.still,) if self.still is not None else ()
        if isinstance(self.picture, PlanesPicture):
            return (self._planes.overview(),)
        if whole:
            return *behind, self._panorama
        return behind or (self.background,)

    def draw(
        self,
        look: Look,
        width: int,
        height: int,
        extent: tuple[float, float] = (0.0, 1.0),
        compositing: Compositing = Compositing.COMPOSITE,
    ) -> None:
        """Draw the newest picture for ``look`` into a framebuffer of ``width``×``height`` pixels.

        Args:
            extent: two shares of the width; only pixels between them are changed.
            compositing: how a picture over a still panorama is shown.
        """
        left, right = (round(share * width) for share in extent)
        GL.glEnable(GL.GL_SCISSOR_TEST)
        GL.glScissor(left, 0, right - left, height)
        self._draw(look, width, height, compositing)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def _draw(self, look: Look, width: int, height: int, compositing: Compositing) -> None:
        GL.glViewport(0, 0, width, height)
        GL.glDisable(GL.GL_BLEND)
        GL.glClearColor(*CLEAR_COLOUR, 1.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT)
        tangent = look.half_extent
        if self.still is None:
            compositing, behind, detail = Compositing.COMPOSITE, self.background, 0.0
        else:
            behind, detail = self.still, level_of_detail(self.still.size[1], 2 * tangent / width)
        alone = compositing is Compositing.PICTURE_ALONE
        if self.picture is None and (self.still is None or alone):
            return
        shown = look.rotation()
        turned = self.picture is not None and not self.picture.equirectangular
        stored = isinstance(self.picture, PlanesPicture)
        cut = self._planes_cut if stored else self._panorama_cut
        program = self._timewarp if turned else cut
        program.use()
        program.set_vector("half_extent", tangent, tangent * height / width)
        program.set_matrix("shown_to_world", shown)
        program.set_integer("compositing", compositing.value)
        program.set_number("detail", detail)
        (self._nothing if alone else behind).bind(1)
        if self.picture is None:
            self._nothing.bind(0)
        elif stored:
            self._planes.bind(program)
        elif self.picture.equirectangular:
            self._panorama.bind(0)
        else:
            self._viewport.bind(0)
            self._set_timewarp(self.picture.look, shown)
        GL.glBindVertexArray(self._vertices)
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glActiveTexture(GL.GL_TEXTURE0)

    def _set_constants(self) -> None:
        for program in (self._panorama_cut, self._timewarp):
            program.use()
            program.set_integer("picture", 0)
            program.set_integer("behind", 1)
            program.set_vector("clear_colour", *CLEAR_COLOUR)
        self._timewarp.set_vector("feather", _FEATHER, _FEATHER)

    def _set_timewarp(self, decoded: Look, shown: npt.NDArray[np.float64]) -> None:
        rows, columns = self._viewport.size
        tangent = decoded.half_extent
        program = self._timewarp
        program.set_matrix("shown_to_picture", decoded.rotation().T @ shown)
        program.set_vector("picture_half_extent", tangent, tangent * rows / columns)

    def close(self) -> None:
        """Delete everything; the context must still be current."""
        self.upload.close()
        self._copy.close()
        self._background_upload.close()
        self._planes.close()
        for texture in (self._viewport, self._panorama, self._nothing, self.background):
            texture.close()
        for program in (self._timewarp, self._panorama_cut, self._planes_cut):
            program.close()
        GL.glDeleteVertexArrays(1, [self._vertices])


def read_framebuffer(width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the drawn pixels, height×width×3 uint8, row 0 on top."""
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    data = GL.glReadPixels(0, 0, width, height, GL.GL_RGB, GL.GL_UNSIGNED_BYTE)
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    return np.ascontiguousarray(pixels[::-1])
