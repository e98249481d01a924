"""Measurement of uploads from a decoder's memory into a texture, without showing a picture."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from OpenGL import GL

from nerv360.lab.benchmarks import UploadSpeed
from nerv360.viewer.picture import Texture, Window, upload_by

_TIMES = 20
_WARM_UP = 3


def measure_uploads(
    sizes: Sequence[tuple[int, int]], device: torch.device, interop: bool = True
) -> list[UploadSpeed]:
    """Time uploads of pictures of ``sizes`` from ``device`` in a window that is not shown.

    Without ``interop`` pictures pass through the CPU.

    Raises:
        InputError: there is no display, or no OpenGL 3.3 on it.
    """
    window = Window("NeRV360", 640, 360, visible=False)
    try:
        return [_measure(size, device, interop) for size in sizes]
    finally:
        window.close()


def _measure(size: tuple[int, int], device: torch.device, interop: bool) -> UploadSpeed:
    pixels = torch.zeros(*size, 4, dtype=torch.uint8, device=device)
    upload, texture = upload_by(interop)(), Texture()
    seconds = []
    try:
        for _ in range(_WARM_UP + _TIMES):
            started = time.perf_counter()
            upload.upload(texture, pixels)
            GL.glFinish()
            seconds.append(time.perf_counter() - started)
        renderer = GL.glGetString(GL.GL_RENDERER).decode()
        median = statistics.median(seconds[_WARM_UP:])
        return UploadSpeed(size, upload.name, renderer, median * 1000)
    finally:
        upload.close()
        texture.close()
