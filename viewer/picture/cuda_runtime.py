"""CUDA's runtime for copies to OpenGL: its calls, errors and streams, and the window's GPU."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from nerv360.devices import cuda_refusal

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
    """Error: CUDA cannot write into textures here; the message says why."""


def cuda_runtime() -> Any:
    """Import the module `cuda.bindings.runtime`.

    Raises:
        InteropError: it is not installed.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise InteropError("the package cuda-bindings is not installed") from error


def window_devices(runtime: Any) -> list[int]:
    """Return CUDA's numbers of the GPUs that draw the current OpenGL context.

    Raises:
        InteropError: none of them is a CUDA device.
    """
    every = runtime.cudaGLDeviceList.cudaGLDeviceListAll
    count, devices = checked(runtime, runtime.cudaGLGetDevices(8, every))
    return [int(device) for device in devices[: int(count)]]


def device_of_window(device: torch.device) -> torch.device:
    """Return ``device``, with the window's GPU as number if it is CUDA without a number.

    Pictures then need no copy between GPUs.
    """
    if str(device) != "cuda":
        return device
    try:
        owners = window_devices(cuda_runtime())
    except InteropError:
        return device  # the first upload reports it once, with its consequence
    able = [owner for owner in owners if cuda_refusal(owner) is None]
    return torch.device("cuda", able[0]) if able else device


def interop_refusal(device: torch.device) -> str | None:
    """Return why pictures of ``device`` cannot go straight into a texture, or None if they can.

    It is asked of the current OpenGL context, before any picture is copied.
    """
    if device.type != "cuda":
        return "needs pictures that are decoded on a CUDA device"
    try:
        runtime = cuda_runtime()
        check_window(runtime, device_of_window(device))
    except InteropError as error:
        return str(error)
    return None


def check_window(runtime: Any, device: torch.device) -> None:
    """Raise InteropError if ``device`` does not draw the current OpenGL context.

    Raises:
        InteropError: another GPU draws it, or one that CUDA does not know.
    """
    if (device.index or 0) not in window_devices(runtime):
        raise InteropError(_MEANINGS[_OTHER_GPU])


def checked(runtime: Any, result: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the results of a call without its error code.

    Raises:
        InteropError: the code is an error. CUDA's last error is cleared, or the next, unrelated
            call would report it.
    """
    error = result[0]
    if int(error) == 0:
        return result[1:]
    runtime.cudaGetLastError()
    reason = _MEANINGS.get(int(error), f"CUDA reports {getattr(error, 'name', error)}")
    raise InteropError(f"{reason} (error {int(error)})")


class CopyStream:
    """CUDA stream only for copies to the screen, with priority over decoding.

    In the decoder's stream a copy would wait for the next picture, which is already queued, and
    slow the display down to the decoder's rate.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]

    @property
    def handle(self) -> int:
        """The stream as CUDA's handle."""
        return int(self._stream.cuda_stream)

    def wait_for(self, ready: torch.cuda.Event | None) -> None:
        """Let the next work on the stream, but not the host, wait for ``ready``.

        Args:
            ready: as in `Upload.upload`.
        """
        if ready is None:
            self._stream.wait_stream(torch.cuda.current_stream(self.device))
        else:
            self._stream.wait_event(ready)

    def current(self) -> AbstractContextManager[object]:
        """Return a context in which torch copies on this stream."""
        return torch.cuda.stream(self._stream)

    def synchronise(self) -> None:
        """Block the host until the copies are done."""
        self._stream.synchronize()


class PinnedCopy:
    """Copies of a GPU's pictures in pinned host memory."""

    def __init__(self) -> None:
        self._pinned: Tensor | None = None
        self._stream: CopyStream | None = None

    def copy(self, pixels: Tensor, ready: torch.cuda.Event | None) -> Tensor:
        """Copy ``pixels`` to the host; the result is valid until the next copy.

        Args:
            ready: as in `Upload.upload`.
        """
        if self._pinned is None or self._pinned.shape != pixels.shape:
            self._pinned = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        if self._stream is None or self._stream.device != pixels.device:
            self._stream = CopyStream(pixels.device)
        self._stream.wait_for(ready)
        with self._stream.current():
            self._pinned.copy_(pixels, non_blocking=True)
        self._stream.synchronise()
        return self._pinned
