"""Pictures from CUDA memory straight into a texture. On the thread of the OpenGL context only."""

from __future__ import annotations

import logging
from typing import Any

import torch
from OpenGL import GL
from torch import Tensor

from viewer.picture.cuda_runtime import (
    CopyStream,
    InteropError,
    check_window,
    checked,
    cuda_runtime,
)
from viewer.picture.gl import Texture
from viewer.picture.upload import PixelBufferUpload, Upload

log = logging.getLogger(__name__)

_MOST_FAILURES = 3


class CudaCopy:
    """Registers a texture once, and maps, copies and unmaps it for each picture."""

    def __init__(self, runtime: Any, stream: CopyStream) -> None:
        """Copy on one stream.

        Args:
            runtime: the module `cuda.bindings.runtime`.
            stream: where to copy, of the GPU that the pictures are on.

        Raises:
            InteropError: the window is not drawn by that GPU.
        """
        self._runtime = runtime
        self._stream = stream
        self._resources: dict[int, Any] = {}
        check_window(runtime, stream.device)
        # Textures are registered with this thread's GPU, which is the first one until told.
        checked(runtime, runtime.cudaSetDevice(stream.device.index or 0))

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """As `Upload.upload`.

        Raises:
            InteropError: CUDA cannot write into the texture; ``pixels`` are no longer read.
        """
        height, width, _ = pixels.shape
        if texture.size != (height, width):
            self._unregister(texture)
            texture.allocate(height, width)
        resource = self._registered(texture)
        runtime, stream = self._runtime, self._stream.handle
        self._stream.wait_for(ready)
        checked(runtime, runtime.cudaGraphicsMapResources(1, resource, stream))
        try:
            (array,) = checked(
                runtime, runtime.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0)
            )
            row = width * 4
            kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            checked(
                runtime,
                runtime.cudaMemcpy2DToArrayAsync(
                    array, 0, 0, pixels.data_ptr(), row, row, height, kind, stream
                ),
            )
        finally:
            unmapped = runtime.cudaGraphicsUnmapResources(1, resource, stream)
            # The decoder may write over these pixels from here on, whatever became of the copy.
            self._stream.synchronise()
        checked(runtime, unmapped)

    def close(self) -> None:
        """Let go of every texture."""
        while self._resources:
            _, resource = self._resources.popitem()
            try:
                checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))
            except InteropError as error:
                log.info("a texture could not be taken back from CUDA: %s", error)

    def _registered(self, texture: Texture) -> Any:
        if texture.id not in self._resources:
            flag = self._runtime.cudaGraphicsRegisterFlags.cudaGraphicsRegisterFlagsWriteDiscard
            (resource,) = checked(
                self._runtime,
                self._runtime.cudaGraphicsGLRegisterImage(
                    texture.id, int(GL.GL_TEXTURE_2D), int(flag)
                ),
            )
            if not int(resource):
                # cuda-bindings 12.9.3 and 13.0.2 call this a success (NVIDIA/cuda-python#1122).
                raise InteropError("this version of cuda-bindings cannot register textures")
            self._resources[texture.id] = resource
        return self._resources[texture.id]

    def _unregister(self, texture: Texture) -> None:
        resource = self._resources.pop(texture.id, None)
        if resource is not None:
            checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))


class InteropUpload:
    """Straight into the texture; by way of a pixel buffer each picture that cannot go there, and
    every one after `_MOST_FAILURES` in a row.

    Attributes:
        name: of the way that the latest picture took.
    """

    def __init__(self) -> None:
        """Nothing is opened before the first picture that CUDA could copy."""
        self._copy: CudaCopy | None = None
        self._failures = 0
        self._said = False
        self._buffers = PixelBufferUpload()
        self.name = self._buffers.name

    def upload(
        self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None = None
    ) -> None:
        """As `Upload.upload`."""
        if pixels.is_cuda and self._failures < _MOST_FAILURES:
            try:
                if self._copy is None:
                    self._copy = CudaCopy(cuda_runtime(), CopyStream(pixels.device))
                self._copy.copy(texture, pixels, ready)
                self._failures = 0
                self.name = "CUDA to texture"
                return
            except InteropError as error:
                self._failures += 1
                level = logging.INFO if self._said else logging.WARNING
                self._said = True
                log.log(level, "pictures go to the screen by way of pixel buffers: %s", error)
                # What is registered may be what fails: the next picture begins anew.
                self._close_copy()
        self.name = self._buffers.name
        self._buffers.upload(texture, pixels, ready)

    def close(self) -> None:
        """As `Upload.close`."""
        self._close_copy()
        self._buffers.close()

    def _close_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None


def choose_upload(device: torch.device, interop: bool) -> Upload:
    """The shortest way from ``device`` to a texture; pixel buffers without ``interop``."""
    if device.type != "cuda" or not interop:
        return PixelBufferUpload()
    return InteropUpload()
