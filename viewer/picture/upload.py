"""Uploads of pictures from the decoder's memory to a texture. Main thread only."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from OpenGL import GL

from nerv360.viewer.picture.gl import Texture

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nerv360.viewer.picture.cuda_runtime import PinnedCopy
    from nerv360.viewer.picture.cuda_upload import CudaCopy

log = logging.getLogger(__name__)

_MOST_FAILURES = 3


class Upload(Protocol):
    """A way to upload to textures.

    Attributes:
        name: shown by the overlay.
    """

    @property
    def name(self) -> str: ...

    def upload(
        self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None = None
    ) -> None:
        """Upload ``pixels``, height×width×4 uint8, contiguous, to ``texture``, which is resized.

        On return ``pixels`` are no longer read.

        Args:
            ready: event to wait for before reading ``pixels``; without it, wait for all work so far
                on the current stream.
        """

    def release(self, texture: Texture) -> None:
        """Let others write into ``texture``, until the next upload to it."""

    def close(self) -> None:
        """Free what it holds; the textures stay."""


class PixelBufferUpload:
    """Upload through a pixel buffer; pictures on a GPU are first copied to pinned memory.

    The buffer is orphaned for each picture, so that the copy never waits for a draw that still
    reads the last one.
    """

    name = "pixel buffer"

    def __init__(self) -> None:
        self._buffer = int(GL.glGenBuffers(1))
        self._pinned: PinnedCopy | None = None

    def upload(
        self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None = None
    ) -> None:
        height, width, _ = pixels.shape
        host = self._on_host(pixels, ready)
        if texture.size != (height, width):
            texture.allocate(height, width)
        GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, self._buffer)
        try:
            source = ctypes.c_void_p(0)  # the beginning of the buffer
            if not self._filled(host):
                # If the driver allocates no memory, or loses it, OpenGL reads the picture itself.
                GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, 0)
                source = ctypes.c_void_p(host.data_ptr())
            GL.glBindTexture(GL.GL_TEXTURE_2D, texture.id)
            GL.glTexSubImage2D(
                GL.GL_TEXTURE_2D, 0, 0, 0, width, height,
                GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, source,
            )  # fmt: skip
        finally:
            GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, 0)

    def release(self, texture: Texture) -> None:
        pass

    def _filled(self, host: Tensor) -> bool:
        """Copy ``host`` into new memory of the bound buffer; return whether OpenGL has it now."""
        GL.glBufferData(GL.GL_PIXEL_UNPACK_BUFFER, host.nbytes, None, GL.GL_STREAM_DRAW)
        access = GL.GL_MAP_WRITE_BIT | GL.GL_MAP_INVALIDATE_BUFFER_BIT
        address = GL.glMapBufferRange(GL.GL_PIXEL_UNPACK_BUFFER, 0, host.nbytes, access)
        if not address:
            return False
        ctypes.memmove(address, host.data_ptr(), host.nbytes)
        return bool(GL.glUnmapBuffer(GL.GL_PIXEL_UNPACK_BUFFER))

    def close(self) -> None:
        """Delete the buffer."""
        GL.glDeleteBuffers(1, [self._buffer])

    def _on_host(self, pixels: Tensor, ready: torch.cuda.Event | None) -> Tensor:
        if pixels.device.type == "cpu":
            return pixels.contiguous()
        if pixels.device.type != "cuda":
            return pixels.cpu().contiguous()
        if self._pinned is None:
            from nerv360.viewer.picture.cuda_runtime import PinnedCopy  # needs torch, as these do

            self._pinned = PinnedCopy()
        return self._pinned.copy(pixels, ready)


class InteropUpload:
    """Upload straight into the texture, with pixel buffers as fallback.

    Pixel buffers take each picture that fails, and all pictures after `_MOST_FAILURES` failures in
    a row.

    Attributes:
        name: of the way the latest picture took.
    """

    def __init__(self) -> None:
        """Start without opening CUDA, which the first CUDA picture does."""
        self._copy: CudaCopy | None = None
        self._failures = 0
        self._said = False
        self._buffers = PixelBufferUpload()
        self.name = self._buffers.name

    def upload(
        self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None = None
    ) -> None:
        if pixels.is_cuda and self._failures < _MOST_FAILURES:
            # These load torch, which such pictures have done.
            from nerv360.viewer.picture.cuda_runtime import InteropError
            from nerv360.viewer.picture.cuda_upload import open_copy

            try:
                self._copy = self._copy or open_copy(pixels.device)
                self._copy.copy(texture, pixels, ready)
                self._failures = 0
                self.name = "CUDA to texture"
                return
            except InteropError as error:
                self._failures += 1
                level = logging.INFO if self._said else logging.WARNING
                self._said = True
                log.log(
                    level,
                    "pictures reach the screen through pixel buffers, which is slower: %s",
                    error,
                )
                # The registration may be the cause: start over with the next picture.
                self._close_copy()
        self.name = self._buffers.name
        self.release(texture)
        self._buffers.upload(texture, pixels, ready)

    def release(self, texture: Texture) -> None:
        if self._copy is not None:
            self._copy.release(texture)

    def close(self) -> None:
        self._close_copy()
        self._buffers.close()

    def _close_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None


def upload_by(interop: bool) -> Callable[[], Upload]:
    """Return a factory of uploads: straight into the texture if ``interop`` and CUDA allow it."""
    return InteropUpload if interop else PixelBufferUpload
