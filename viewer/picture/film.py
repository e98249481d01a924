"""Film of the window: a video of its content at a constant rate."""

from __future__ import annotations

import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nerv360.errors import InputError
from nerv360.video import VideoWriter, failure_reason

FPS = 20
_PRESET = "ultrafast"  # Decoding needs the CPU too.
_WAITING = 8
"""Pictures that may wait to be encoded, each 2.6 MiB at 1280×720; more are dropped."""


class Film:
    """Video of the window, encoded in the background; each picture stays until the next.

    The file takes its name when the context is left, also after an exception. Until then the
    recording plays from a file with ``.part`` in its name beside it. That file stays if the process
    is killed or the disk is full.
    """

    def __init__(self, path: Path, width: int, height: int, fps: int = FPS) -> None:
        """Start an empty film; a side of odd length loses its last pixel.

        Raises:
            InputError: ``path`` cannot be written, or its suffix is no video format.
        """
        height, width = self._size = height // 2 * 2, width // 2 * 2
        self._writer = VideoWriter(path, width, height, fps, crf=20, preset=_PRESET, growing=True)
        self._fps = fps
        self._encoder = ThreadPoolExecutor(1, "film")
        self._waiting: deque[Future[None]] = deque()
        self._error: BaseException | None = None
        self._last: torch.Tensor | None = None
        self._began = 0.0
        self._given = 0

    def due(self) -> bool:
        """Return True if another picture is due and the encoder keeps up."""
        while self._waiting and self._waiting[0].done():
            self._error = self._error or self._waiting.popleft().exception()
        if self._error is not None:
            return False  # The window goes on; leaving the context reports the error.
        behind = len(self._waiting) >= _WAITING
        return self._last is None or (not behind and self._places() > self._given)

    def take(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Show ``pixels`` (height×width×3) from now on.

        After a resize of the window, pixels beyond the film's size are cut off, and missing ones
        are black.
        """
        if self._last is None:
            self._began = time.monotonic()
        self._hold()
        rows, columns = self._size
        if pixels.shape[:2] != self._size:
            fitted = np.zeros((rows, columns, 3), np.uint8)
            part = pixels[:rows, :columns]
            fitted[: part.shape[0], : part.shape[1]] = part
            pixels = fitted
        self._last = torch.from_numpy(pixels)

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._writer:
            try:
                if error is None or self._last is not None:
                    self._finish()
            finally:
                self._encoder.shutdown(cancel_futures=True)
            if error is not None and self._last is None:
                raise error

    def _finish(self) -> None:
        if self._last is None:
            raise InputError(f"{self._writer.path} was not written: no picture was shown")
        self._hold(least=0 if self._given else 1)
        while self._waiting and self._error is None:
            self._error = self._waiting.popleft().exception()
        if self._error is not None:
            why = f"{self._writer.path} cannot be written: {failure_reason(self._error)}"
            raise InputError(why) from self._error

    def _places(self) -> int:
        """Return the number of pictures for the time elapsed."""
        return math.floor((time.monotonic() - self._began) * self._fps)

    def _hold(self, least: int = 0) -> None:
        """Repeat the last picture for the time since it came."""
        times = max(self._places() - self._given, least)
        if self._last is not None and times > 0:
            self._waiting.append(self._encoder.submit(self._writer.write, self._last, times))
            self._given += times
