"""An open scene: a clip with one or several decoders, however they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.decode.session import Source


@dataclass(frozen=True)
class Cost:
    """What one picture takes.

    Attributes:
        pixels: how many are decoded for it.
        full_frame: they are the whole sphere, from which a shader cuts what is shown.
        peak_bytes: memory while it is decoded, weights and embeddings included, as far as it can
            be told before.
    """

    pixels: int
    full_frame: bool
    peak_bytes: int


@dataclass(frozen=True)
class OpenScene:
    """An opened scene as the application sees it.

    Attributes:
        title: for the window's frame.
        frames: how many.
        fps: frames a second.
        size: height and width of the source clip.
        decoders: names, the preferred one first.
        source: makes the `Source` of a decoder by its name.
        cost: what one picture of a decoder takes, by its name.
        free_bytes: how much memory there is for another decoder now.
    """

    title: str
    frames: int
    fps: float
    size: tuple[int, int]
    decoders: tuple[str, ...]
    source: Callable[[str], Source]
    cost: Callable[[str], Cost]
    free_bytes: Callable[[], int]
