"""Copies pictures from CUDA memory straight into a texture. Only on OpenGL's thread."""

from __future__ import annotations

import logging
from typing import Any

import torch
from OpenGL import GL
from torch import Tensor

from nerv360.viewer.picture.cuda_runtime import (
    CopyStream,
    InteropError,
    check_window,
    checked,
    cuda_runtime,
)
from nerv360.viewer.picture.gl import Texture

log = logging.getLogger(__name__)


class CudaCopy:
    """Registers a texture once, and maps, copies and unmaps it for each picture."""

    def __init__(self, runtime: Any, stream: CopyStream) -> None:
        """Copy on one stream.

        Args:
            runtime: the module `cuda.bindings.runtime`.
            stream: stream of the GPU that holds the pictures.

        Raises:
            InteropError: that GPU does not draw the window.
        """
        self._runtime = runtime
        self._stream = stream
        self._resources: dict[int, Any] = {}
        check_window(runtime, stream.device)
        # Textures are registered with this thread's GPU, by default the first one.
        checked(runtime, runtime.cudaSetDevice(stream.device.index or 0))

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """Copy ``pixels`` into ``texture``; see `Upload.upload`.

        Raises:
            InteropError: CUDA cannot write into the texture; ``pixels`` are no longer read.
        """
        height, width, _ = pixels.shape
        if texture.size != (height, width):
            self.release(texture)
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
            # The decoder may overwrite these pixels from here on, even if the copy failed.
            self._stream.synchronise()
        checked(runtime, unmapped)

    def close(self) -> None:
        """Unregister every texture."""
        for name in list(self._resources):
            self._release(name)

    def release(self, texture: Texture) -> None:
        """Unregister ``texture`` if it is registered, so that OpenGL may write into it."""
        self._release(texture.id)

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
                # cuda-bindings 12.9.3 and 13.0.2 report success here (NVIDIA/cuda-python#1122).
                raise InteropError(
                    "this version of cuda-bindings cannot register textures: install 12.9.4, or "
                    "13.0.3 or later"
                )
            self._resources[texture.id] = resource
        return self._resources[texture.id]

    def _release(self, name: int) -> None:
        resource = self._resources.pop(name, None)
        if resource is None:
            return
        try:
            checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))
        except InteropError as error:
            log.info("CUDA could not unregister a texture: %s", error)


def open_copy(device: torch.device) -> CudaCopy:
    """Return the copy of pictures on ``device``.

    Raises:
        InteropError: CUDA cannot write into textures here.
    """
    return CudaCopy(cuda_runtime(), CopyStream(device))
