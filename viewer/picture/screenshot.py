"""Screenshots of the window, and their PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
from PIL import Image

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.viewer.paths import free_path
from nerv360.viewer.picture.renderer import read_framebuffer
from nerv360.viewer.picture.window import Window


def capture(window: Window) -> npt.NDArray[np.uint8]:
    """Return the pixels drawn since the last swap, height×width×3 uint8.

    Raises:
        InputError: the window is minimised and has no size.
    """
    width, height = window.framebuffer_size
    if not width or not height:
        raise InputError("the window is minimised: restore it to take a screenshot")
    return read_framebuffer(width, height)


def new_screenshot_path() -> Path:
    """Return a free file name in the user's pictures folder.

    Raises:
        OSError: the folder cannot be read.
        RuntimeError: the user has no home folder.
    """
    return free_path(platformdirs.user_pictures_path(), "nerv360", ".png")


def save_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write ``pixels`` (height×width×3 uint8) to ``path``, completely or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        Image.fromarray(pixels).save(partial, "PNG")
