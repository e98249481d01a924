"""What is on screen, as a PNG."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
from PIL import Image

from viewer.display import read_framebuffer
from viewer.window import Window


def capture(window: Window) -> npt.NDArray[np.uint8]:
    """What has been drawn since the last swap, height×width×3 uint8."""
    return read_framebuffer(*window.framebuffer_size)


def new_screenshot_path() -> Path:
    """A name that is free, by date and time, among the user's pictures."""
    folder = platformdirs.user_pictures_path()
    stem = time.strftime("nerv360-%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}.png", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.png"
    return path


def save_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write ``pixels`` (height×width×3 uint8) to ``path`` as a whole.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        Image.fromarray(pixels).save(beside, "PNG")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
