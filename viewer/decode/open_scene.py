"""An open scene: a clip with one or several decoders, and the sources of their engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nerv360.decoding import Engine
from nerv360.scene import WHOLE

if TYPE_CHECKING:
    from nerv360.sound import SoundTrack
    from nerv360.video import Clip

ORIGINAL = "original"
"""Name of the decoder that is the clip itself."""


def decoder_names(decoders: Iterable[str]) -> tuple[str, ...]:
    """Return the names of a scene's decoders, in the order offered to the user."""
    return tuple(sorted(decoders, key=lambda name: (name != "nerv360", name)))


@dataclass(frozen=True)
class EngineSource:
    """Makers of engines for one decoder of one scene.

    Attributes:
        engines: in order of preference; each is a fallback for the one before.
        background: makes the small engine of the background, or None; pictures over a still
            panorama need none.
        upgrade: makes a faster engine, which may take long: it is built on its own thread while the
            first one decodes, and takes over between two pictures.
        latency: seconds from the end of decoding until a picture is seen.
    """

    engines: Sequence[Callable[[], Engine]]
    background: Callable[[], Engine] | None = None
    upgrade: Callable[[], Engine] | None = None
    latency: float = 1 / 60


@dataclass(frozen=True)
class Cost:
    """Cost of one picture.

    Attributes:
        pixels: number of decoded pixels.
        full_frame: they are the whole sphere, and a shader cuts the view from it.
        peak_bytes: estimated memory of the device during decoding, including weights, and on a CPU
            the embeddings of all frames.
    """

    pixels: int
    full_frame: bool
    peak_bytes: int


@dataclass(frozen=True)
class OpenScene:
    """A scene as seen by the application.

    Attributes:
        title: for the window's frame.
        frames: number of frames.
        fps: frames per second.
        size: height and width of the source clip.
        decoders: names, the preferred one first.
        source: returns the `EngineSource` of a decoder by name.
        cost: returns the cost of one picture of a decoder, by name.
        free_bytes: returns the memory available for another decoder now.
        still: returns the still panorama behind a decoder's pictures, by name and chapter,
            height×width×3 and one array for all decoders; None without one, or if it is not known
            yet. May read a file; callable from any thread.
        chapters: their first frames.
        sameness: describes how well a clip matches the scene; raises InputError if it does not.
            Takes seconds. None if the scene is itself a clip.
        remark: one sentence to show on opening, or None.
        whole: its decoders have been read; before that only ``still`` can be shown.
        file: the file that it was opened from.
        engines: returns the names of the engines that may decode it, as `open_engine` knows them.
        outcome: returns sentences on how well a decoder came out, by name; none of a clip.
        beside: the clip beside the scene, whose decoder is `ORIGINAL`; None without one.
        cropped: returns the scene whose full-frame decoders decode only the crop that a look sees;
            None if it has no decoders.
        sound: finds the sound that is played with it, which may take a while; None if it has none.
    """

    title: str
    frames: int
    fps: float
    size: tuple[int, int]
    decoders: tuple[str, ...]
    source: Callable[[str], EngineSource]
    cost: Callable[[str], Cost]
    free_bytes: Callable[[], int]
    still: Callable[[str, int], npt.NDArray[np.uint8] | None] = lambda decoder, chapter: None
    chapters: tuple[int, ...] = WHOLE
    sameness: Callable[[Clip], str] | None = None
    remark: str | None = None
    whole: bool = True
    file: Path | None = None
    engines: Callable[[], tuple[str, ...]] = tuple
    outcome: Callable[[str], Sequence[str]] = lambda decoder: ()
    beside: Clip | None = None
    cropped: Callable[[], OpenScene] | None = None
    sound: Callable[[], SoundTrack | None] | None = None
