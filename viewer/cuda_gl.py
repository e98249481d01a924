"""Pictures from CUDA memory straight into a texture. On the thread of the OpenGL context only."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import torch
from OpenGL import GL
from torch import Tensor

from viewer.gl import Texture
from viewer.upload import PixelBufferUpload, Upload

log = logging.getLogger(__name__)

OFFLOAD_HINT = (
    "on a computer with two GPUs, start with __NV_PRIME_RENDER_OFFLOAD=1 "
    "__GLX_VENDOR_LIBRARY_NAME=nvidia"
)
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

    def accepts(self, pixels: Tensor) -> bool:
        """``pixels`` are where it copies from."""
        ...

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """As `Upload.upload`; raises `InteropError`."""
        ...

    def close(self) -> None:
        """Let go of every texture."""
        ...


class CudaCopy:
    """Registers a texture once, and maps, copies and unmaps it for each picture."""

    def __init__(
        self,
        runtime: Any,
        stream: int,
        synchronise: Callable[[], None],
        device: int,
        wait_for: Callable[[torch.cuda.Event | None], None],
    ) -> None:
        """Copy on one stream.

        Args:
            runtime: the module `cuda.bindings.runtime`.
            stream: handle of the CUDA stream to copy on.
            synchronise: waits for that stream.
            device: CUDA's number of the GPU that the pictures are on.
            wait_for: lets that stream, not the host, wait for an event as `Upload.upload` has it.

        Raises:
            InteropError: the window is not drawn by that GPU.
        """
        self._runtime = runtime
        self._stream = stream
        self._synchronise = synchronise
        self._wait_for = wait_for
        self._resources: dict[int, Any] = {}
        if device not in window_devices(runtime):
            raise InteropError(_MEANINGS[_SEVERAL_GPUS])
        # Textures are registered with this thread's GPU, which is the first one until told.
        _checked(runtime, runtime.cudaSetDevice(device))

    def accepts(self, pixels: Tensor) -> bool:
        """As `TextureCopy.accepts`."""
        return pixels.is_cuda

    def copy(self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None) -> None:
        """As `TextureCopy.copy`."""
        height, width, _ = pixels.shape
        if texture.size != (height, width):
            self._unregister(texture)
            texture.allocate(height, width)
        resource = self._registered(texture)
        runtime, stream = self._runtime, self._stream
        self._wait_for(ready)
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
        _checked(runtime, unmapped)
        self._synchronise()  # the decoder may write over these pixels from here on

    def close(self) -> None:
        """As `TextureCopy.close`."""
        while self._resources:
            _, resource = self._resources.popitem()
            try:
                _checked(self._runtime, self._runtime.cudaGraphicsUnregisterResource(resource))
            except InteropError as error:
                log.warning("a texture could not be taken back from CUDA: %s", error)

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
    """Straight into the texture while that works, through pixel buffers from the first refusal on.

    Attributes:
        name: of the way that is in use.
    """

    def __init__(self, open_copy: Callable[[Tensor], TextureCopy]) -> None:
        """Nothing is opened before the first picture that a copy could be for.

        Args:
            open_copy: opens the copy for pictures like the one given.
        """
        self._open_copy = open_copy
        self._copy: TextureCopy | None = None
        self._refused = False
        self._buffers = PixelBufferUpload()
        self.name = self._buffers.name

    def upload(
        self, texture: Texture, pixels: Tensor, ready: torch.cuda.Event | None = None
    ) -> None:
        """As `Upload.upload`."""
        if not self._refused:
            try:
                if self._copy is None:
                    self._copy = self._open_copy(pixels)
                if self._copy.accepts(pixels):
                    self._copy.copy(texture, pixels, ready)
                    self.name = "CUDA to texture"
                    return
            except InteropError as error:
                self._refused = True
                log.warning("pictures go to the screen by way of pixel buffers: %s", error)
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
    if not pixels.is_cuda:
        raise InteropError(f"they are decoded on {pixels.device}")
    stream = torch.cuda.Stream(pixels.device, priority=-1)  # type: ignore[no-untyped-call]

    def wait_for(ready: torch.cuda.Event | None) -> None:
        if ready is None:
            stream.wait_stream(torch.cuda.current_stream(pixels.device))
        else:
            stream.wait_event(ready)

    device = pixels.device.index or 0
    return CudaCopy(cuda_runtime(), stream.cuda_stream, stream.synchronize, device, wait_for)


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
