"""Pictures from CUDA memory straight into a texture. On the thread of the OpenGL context only."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import torch
from OpenGL import GL
from torch import Tensor

from viewer.picture.gl import Texture
from viewer.picture.upload import CopyStream, PixelBufferUpload, Upload

log = logging.getLogger(__name__)

OFFLOAD_HINT = (
    "on a computer with two GPUs, start with __NV_PRIME_RENDER_OFFLOAD=1 "
    "__GLX_VENDOR_LIBRARY_NAME=nvidia"
)
_MOST_FAILURES = 3
_SEVERAL_GPUS = 101
_MEANINGS = {
    35: "the NVIDIA driver is older than the package cuda-bindings; one of the driver's major "
    "version fits, for instance 'cuda-bindings<13' for CUDA 12",
    _SEVERAL_GPUS: f"the window is on another GPU; {OFFLOAD_HINT}",
    219: "the window's OpenGL is not this GPU's",
    304: f"the window's OpenGL is another GPU's or software; {OFFLOAD_HINT}",
}


class InteropError(RuntimeError):
    """CUDA cannot write into textures here; the message says why."""


def cuda_runtime() -> Any:
    """The module `cuda.bindings.runtime`.

    Raises:
        InteropError: it is not installed.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise InteropError("the package cuda-bindings is not installed") from error


def window_devices(runtime: Any) -> list[int]:
    """CUDA's numbers of the GPUs that draw the current OpenGL context.

    Raises:
        InteropError: none of them is CUDA's.
    """
    every = runtime.cudaGLDeviceList.cudaGLDeviceListAll
    count, devices = _checked(runtime, runtime.cudaGLGetDevices(8, every))
    return [int(device) for device in devices[: int(count)]]


def device_of_window(device: torch.device) -> torch.device:
    """``device``, or where that is CUDA without a number the GPU that draws the window, so that
    pictures need not change GPUs on their way to it.
    """
    if str(device) != "cuda":
        return device
    try:
        owners = window_devices(cuda_runtime())
    except InteropError:
        return device  # said once, and with its consequence, when the first picture is uploaded
    return torch.device("cuda", owners[0]) if owners else device


class TextureCopy(Protocol):
    """Copies pictures into textures by some API of the GPU."""

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """As `Upload.upload`; raises `InteropError`, with ``pixels`` no longer read."""
        ...

    def close(self) -> None:
        """Let go of every texture."""
        ...


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
        device = stream.device.index or 0
        if device not in window_devices(runtime):
            raise InteropError(_MEANINGS[_SEVERAL_GPUS])
        # Textures are registered with this thread's GPU, which is the first one until told.
        _checked(runtime, runtime.cudaSetDevice(device))

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """As `TextureCopy.copy`."""
        height, width, _ = pixels.shape
        if texture.size != (height, width):
            self._unregister(texture)
            texture.allocate(height, width)
        resource = self._registered(texture)
        runtime, stream = self._runtime, self._stream.handle
        self._stream.wait_for(ready)
        _checked(runtime, runtime.cudaGraphicsMapResources(1, resource, stream))
        try:
            (array,) = _checked(
                runtime, runtime.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0)
            )
            row = width * 4
            kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            _checked(
                runtime,
                runtime.cudaMemcpy2DToArrayAsync(
                    array, 0, 0, pixels.data_ptr(), row, row, height, kind, stream
                ),
            )
        finally:
            unmapped = runtime.cudaGraphicsUnmapResources(1, resource, stream)
            # The decoder may write over these pixels from here on, whatever became of the copy.
            self._stream.synchronise()
        _checked(runtime, unmapped)

    def close(self) -> None:
        """As `TextureCopy.close`."""
        while self._resources:
            _, resource = self._resources.popitem()
            try:
                _checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))
            except InteropError as error:
                log.info("a texture could not be taken back from CUDA: %s", error)

    def _registered(self, texture: Texture) -> Any:
        if texture.id not in self._resources:
            flag = self._runtime.cudaGraphicsRegisterFlags.cudaGraphicsRegisterFlagsWriteDiscard
            (resource,) = _checked(
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
            _checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))


class InteropUpload:
    """Straight into the texture; by way of a pixel buffer each picture that cannot go there, and
    every one after `_MOST_FAILURES` in a row.

    Attributes:
        name: of the way that the latest picture took.
    """

    def __init__(self, open_copy: Callable[[Tensor], TextureCopy]) -> None:
        """Nothing is opened before the first picture that a copy could be for.

        Args:
            open_copy: opens the copy for pictures like the one given.
        """
        self._open_copy = open_copy
        self._copy: TextureCopy | None = None
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
                    self._copy = self._open_copy(pixels)
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
    return InteropUpload(open_cuda_copy)


def open_cuda_copy(pixels: Tensor) -> CudaCopy:
    """A copy for pictures on the GPU of ``pixels``, on a stream of its own that goes first.

    Raises:
        InteropError: CUDA cannot write into this context's textures.
    """
    return CudaCopy(cuda_runtime(), CopyStream(pixels.device))


def _checked(runtime: Any, result: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a call returned after its error code.

    Raises:
        InteropError: the code is an error; CUDA's memory of it is cleared, or the next call
            that has nothing to do with it would report it.
    """
    error = result[0]
    if int(error) == 0:
        return result[1:]
    runtime.cudaGetLastError()
    reason = _MEANINGS.get(int(error), f"CUDA reports {getattr(error, 'name', error)}")
    raise InteropError(f"{reason} (error {int(error)})")
