"""What the viewer shows: a clip with one or several decoders, however they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.decode_worker import Source


@dataclass(frozen=True)
class Content:
    """An opened scene as the application sees it.

    Attributes:
        title: for the window's frame.
        frames: how many.
        fps: frames a second.
        size: height and width of the source clip.
        decoders: names, the preferred one first.
        source: makes the `Source` of a decoder by its name.
    """

    title: str
    frames: int
    fps: float
    size: tuple[int, int]
    decoders: tuple[str, ...]
    source: Callable[[str], Source]
