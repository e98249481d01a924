"""Options that several commands share, checked before anything is loaded or written."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import InputError

if TYPE_CHECKING:
    from model.scene import Scene

SMALLEST_SIDE = 16
LARGEST_SIDE = 8192
ENGINE_HELP = "How to decode: auto, eager, folded; on CUDA also compiled, fused, fastest."


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of ``--size WxH``.

    Raises:
        InputError: it is no size, or too small or large a one.
    """
    match = re.fullmatch(r"(\d{1,6})[xX×](\d{1,6})", text)
    sides = (int(match[2]), int(match[1])) if match else (0, 0)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise InputError(
            f"--size {text}: give width x height, such as 1280x720, from "
            f"{SMALLEST_SIDE}x{SMALLEST_SIDE} to {LARGEST_SIDE}x{LARGEST_SIDE}"
        )
    return sides


def check_range(option: str, value: float, low: float, high: float) -> None:
    """Raise InputError where ``value`` is not a number from ``low`` to ``high``."""
    if not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{option} {value:g}: give {low:g} to {high:g}")


def check_output(path: Path, overwrite: bool) -> None:
    """Raise InputError where ``path`` may not be written.

    Raises:
        InputError: it exists and may not be replaced, or its folder does not exist.
    """
    if path.is_dir():
        raise InputError(f"-o {path} is a folder: name a file")
    if path.exists() and not overwrite:
        raise InputError(f"-o {path} exists already: give another name or --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"-o {path}: the folder {path.parent} does not exist")


def check_decoder(scene: Scene, file: Path, name: str | None) -> str:
    """The decoder called ``name``; the scene's first, NeRV360 before others, where it is None.

    Raises:
        InputError: the scene has none of that name.
    """
    if name is None:
        return "nerv360" if "nerv360" in scene.decoders else next(iter(scene.decoders))
    if name not in scene.decoders:
        raise InputError(f"--decoder {name}: {file} has only {', '.join(scene.decoders)}")
    return name
