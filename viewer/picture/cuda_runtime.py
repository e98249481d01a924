"""CUDA's runtime as interop with OpenGL needs it: its calls, its errors, the GPU of the window."""

from __future__ import annotations

import importlib
from typing import Any

import torch

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
