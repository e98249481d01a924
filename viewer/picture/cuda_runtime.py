"""CUDA's runtime as pictures on their way to OpenGL need it: its calls, its errors, its streams,
the GPU of the window.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

_OFFLOAD_HINT = (
    "on a computer with two GPUs, start with __NV_PRIME_RENDER_OFFLOAD=1 "
    "__GLX_VENDOR_LIBRARY_NAME=nvidia"
)
_OTHER_GPU = 101
_MEANINGS = {
    35: "the NVIDIA driver is older than the package cuda-bindings; one of the driver's major "
    "version fits, for instance 'cuda-bindings<13' for CUDA 12",
    _OTHER_GPU: f"the window is on another GPU; {_OFFLOAD_HINT}",
    219: "the window's OpenGL is not this GPU's",
    304: f"the window's OpenGL is another GPU's or software; {_OFFLOAD_HINT}",
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
    """Numbers, as CUDA counts, of the GPUs that draw the current OpenGL context.

    Raises:
        InteropError: none of them is CUDA's.
    """
    every = runtime.cudaGLDeviceList.cudaGLDeviceListAll
    count, devices = checked(runtime, runtime.cudaGLGetDevices(8, every))
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


def check_window(runtime: Any, device: torch.device) -> None:
    """Raise InteropError where the current OpenGL context is not drawn by ``device``.

    Raises:
        InteropError: another GPU draws it, or none of CUDA's.
    """
    if (device.index or 0) not in window_devices(runtime):
        raise InteropError(_MEANINGS[_OTHER_GPU])


def checked(runtime: Any, result: tuple[Any, ...]) -> tuple[Any, ...]:
    """Results of a call, after its error code.

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


class CopyStream:
    """A CUDA stream for copies to the screen alone, which go before a decoder's work.

    In the decoder's own stream a copy would come after the next picture, which is already on its
    way, and waiting for it would bring the display down to the decoder's rate.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]

    @property
    def handle(self) -> int:
        """As CUDA knows it."""
        return int(self._stream.cuda_stream)

    def wait_for(self, ready: torch.cuda.Event | None) -> None:
        """Let what comes next, but not the host, wait for an event as `Upload.upload` has it."""
        if ready is None:
            self._stream.wait_stream(torch.cuda.current_stream(self.device))
        else:
            self._stream.wait_event(ready)

    def current(self) -> AbstractContextManager[object]:
        """While it is entered, torch copies in this stream."""
        return torch.cuda.stream(self._stream)

    def synchronise(self) -> None:
        """Wait on the host until the copies are done."""
        self._stream.synchronize()


class PinnedCopy:
    """Pictures of a GPU in pinned memory of the host."""

    def __init__(self) -> None:
        self._pinned: Tensor | None = None
        self._stream: CopyStream | None = None

    def copy(self, pixels: Tensor, ready: torch.cuda.Event | None) -> Tensor:
        """``pixels`` on the host, valid until the next copy; ``ready`` as `Upload.upload`."""
        if self._pinned is None or self._pinned.shape != pixels.shape:
            self._pinned = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        if self._stream is None or self._stream.device != pixels.device:
            self._stream = CopyStream(pixels.device)
        self._stream.wait_for(ready)
        with self._stream.current():
            self._pinned.copy_(pixels, non_blocking=True)
        self._stream.synchronise()
        return self._pinned
